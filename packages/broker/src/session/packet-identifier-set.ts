/** A set of Packet Identifiers; costs next to nothing until the first one comes. */
export class PacketIdentifierSet {
  #identifiers: Set<number> | undefined;

  get size(): number {
    return this.#identifiers === undefined ? 0 : this.#identifiers.size;
  }

  has(packetIdentifier: number): boolean {
    return this.#identifiers?.has(packetIdentifier) === true;
  }

  add(packetIdentifier: number): void {
    this.#identifiers ??= new Set();
    this.#identifiers.add(packetIdentifier);
  }

  /** False where it was not there. */
  delete(packetIdentifier: number): boolean {
    return this.#identifiers?.delete(packetIdentifier) === true;
  }

  toArray(): number[] {
    return this.#identifiers === undefined ? [] : [...this.#identifiers];
  }
}
