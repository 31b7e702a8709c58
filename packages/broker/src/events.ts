import type { ClientIdentity } from "./ports/authenticator.ts";
import type { SubscriptionRecord } from "./ports/store.ts";

/** What the broker tells about; all in the past tense. What can say no is a port. */
export interface BrokerEvents {
  clientConnected: { readonly client: ClientIdentity; readonly sessionPresent: boolean };
  clientRefused: { readonly clientId: string; readonly remoteAddress: string; readonly reason: string };
  clientDisconnected: {
    readonly client: ClientIdentity;
    readonly reasonCode: number;
    readonly reason: string;
    /** Whether the client said DISCONNECT. */
    readonly byClient: boolean;
  };
  sessionStarted: { readonly clientId: string; readonly stored: boolean };
  sessionEnded: { readonly clientId: string; readonly expired: boolean };
  subscribed: { readonly client: ClientIdentity; readonly subscription: SubscriptionRecord };
  unsubscribed: { readonly client: ClientIdentity; readonly topicFilter: string };
}

type Handler<Event> = (event: Event) => void;

/** A minimal typed emitter: a handler that throws is reported and does not disturb the broker. */
export class EventEmitter {
  readonly #handlers = new Map<keyof BrokerEvents, Set<Handler<never>>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Returns a function that takes the handler off again. */
  on<Name extends keyof BrokerEvents>(name: Name, handler: Handler<BrokerEvents[Name]>): () => void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  emit<Name extends keyof BrokerEvents>(name: Name, event: BrokerEvents[Name]): void {
    for (const handler of this.#handlers.get(name) ?? []) {
      try {
        (handler as Handler<BrokerEvents[Name]>)(event);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
