import type { QoS } from "@dunlin/protocol";

export type MqttVersion = "3.1" | "3.1.1" | "5.0";

export interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

export interface OpenOptions {
  readonly url: string;
  readonly version: MqttVersion;
  readonly clientId: string;
  /** Clean Start 0 and a session that does not expire. */
  readonly persistent?: boolean;
  readonly will?: Message;
  /** Those of a session that is resumed are made again only by clients that cannot help it. */
  readonly subscriptions?: readonly { readonly topicFilter: string; readonly qos: QoS }[];
}

/** What every client library can do, in the words of none. */
export interface ClientUnderTest {
  readonly inbox: Inbox<Message>;
  /** Resolves when the broker has acknowledged it; with QoS 0 when it is on its way. */
  publish(message: Message): Promise<void>;
  /** Says DISCONNECT. */
  end(): Promise<void>;
  /** Breaks the connection without a word. */
  cut(): Promise<void>;
}

export type OpenClient = (options: OpenOptions) => Promise<ClientUnderTest>;

const NEXT_TIMEOUT_MS = 8000;

/** What has come and is not yet taken; `next` waits for more. */
export class Inbox<Item> {
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  async next(): Promise<Item> {
    if (this.#items.length === 0) await this.#arrival();
    return this.#items.shift()!;
  }

  async take(count: number): Promise<Item[]> {
    const taken: Item[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** Takes all up to the one that `isLast` accepts, without it. */
  async takeUntil(isLast: (item: Item) => boolean): Promise<Item[]> {
    const taken: Item[] = [];
    for (;;) {
      const item = await this.next();
      if (isLast(item)) return taken;
      taken.push(item);
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing came within ${NEXT_TIMEOUT_MS} ms`)),
        NEXT_TIMEOUT_MS,
      );
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
