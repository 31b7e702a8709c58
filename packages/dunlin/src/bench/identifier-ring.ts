/** Free Packet Identifiers, 1 to `size`, given out in the order in which they came back. */
export class IdentifierRing {
  readonly #ring: Uint16Array;
  /** By identifier: the packet type that must come next for it; 0: it is free. */
  readonly #awaited: Uint8Array;
  #head = 0;
  #free: number;

  constructor(size: number) {
    this.#ring = Uint16Array.from({ length: size }, (_, index) => index + 1);
    this.#awaited = new Uint8Array(size + 1);
    this.#free = size;
  }

  get free(): number {
    return this.#free;
  }

  /** The caller has seen that one is free. */
  take(awaited: number): number {
    const identifier = this.#ring[this.#head]!;
    if (++this.#head === this.#ring.length) this.#head = 0;
    this.#free--;
    this.#awaited[identifier] = awaited;
    return identifier;
  }

  isAwaited(identifier: number, packetType: number): boolean {
    return this.#awaited[identifier] === packetType;
  }

  await(identifier: number, packetType: number): void {
    this.#awaited[identifier] = packetType;
  }

  give(identifier: number): void {
    let at = this.#head + this.#free;
    if (at >= this.#ring.length) at -= this.#ring.length;
    this.#ring[at] = identifier;
    this.#free++;
    this.#awaited[identifier] = 0;
  }
}
