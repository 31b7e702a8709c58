import type { OutboundAliases } from "../ports/packet-sink.ts";

/** Gives Topic Aliases to the first topics that come, as many as the client allows [MQTT-3.1.2-26]. */
export class FirstComeAliases implements OutboundAliases {
  readonly #maximum: number;
  readonly #aliases = new Map<string, number>();
  #newest = "";

  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  aliasOf(topicName: string): number {
    const known = this.#aliases.get(topicName);
    if (known !== undefined) return known;
    if (this.#aliases.size >= this.#maximum) return 0;
    const alias = this.#aliases.size + 1;
    this.#aliases.set(topicName, alias);
    this.#newest = topicName;
    return -alias;
  }

  forget(topicName: string): void {
    // Only the newest can be unknown to the client; the others are numbered behind it.
    if (topicName === this.#newest) this.#aliases.delete(topicName);
  }
}
