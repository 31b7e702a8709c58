import type { Topic } from "../routing/topic.ts";
import type { Session } from "../session/session.ts";

/** Topics by the alias that the client has set for them [MQTT-3.3.2-12]. */
export class InboundAliases {
  readonly #topics = new Map<number, Topic<Session>>();
  #heldBytes = 0;

  /** In memory, as the topics may be remembered nowhere else. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(alias: number): Topic<Session> | undefined {
    return this.#topics.get(alias);
  }

  set(alias: number, topic: Topic<Session>): void {
    this.#heldBytes += topic.heldBytes - (this.#topics.get(alias)?.heldBytes ?? 0);
    this.#topics.set(alias, topic);
  }
}
