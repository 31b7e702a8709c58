/** A set of Packet Identifiers; costs next to nothing until the first one comes. */
export class PacketIdentifierSet {
  #identifiers: Set<number> | undefined;
  /** At most so many are from before the last `resume`. */
  #resumed = 0;

  get size(): number {
    return this.#identifiers === undefined ? 0 : this.#identifiers.size;
  }

  /** Those that a client's Receive Maximum counts: it begins anew with each connection [MQTT 5.0, 4.9]. */
  get sizeSinceResumed(): number {
    this.#resumed = Math.min(this.#resumed, this.size);
    return this.size - this.#resumed;
  }

  /** Another connection goes on with the session. */
  resume(): void {
    this.#resumed = this.size;
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
