import type { Session } from "./session.ts";

/** All sessions by Client Identifier [MQTT-3.1.3-2]. */
export class Sessions {
  readonly #byClientId = new Map<string, Session>();
  #nextNumber = 1;

  get size(): number {
    return this.#byClientId.size;
  }

  get(clientId: string): Session | undefined {
    return this.#byClientId.get(clientId);
  }

  add(session: Session): void {
    this.#byClientId.set(session.clientId, session);
  }

  delete(session: Session): void {
    if (this.#byClientId.get(session.clientId) === session) this.#byClientId.delete(session.clientId);
  }

  values(): IterableIterator<Session> {
    return this.#byClientId.values();
  }

  takeNumber(): number {
    return this.#nextNumber++;
  }

  /** Numbers from here on are free: after a recovery. */
  startNumbersAt(next: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, next);
  }
}
