/** Time and turns of the event loop, so that tests and the simulator can drive them. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For deadlines that outlive the process. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For keep alive and durations. */
  monotonic(): number;
  /** Calls back every `ms` milliseconds until the returned function is called. Does not keep the process alive. */
  every(ms: number, callback: () => void): () => void;
  /** Calls back once after `ms` milliseconds unless the returned function is called before. */
  after(ms: number, callback: () => void): () => void;
  /** Calls back once all input that is ready in this turn of the event loop has been read. */
  afterTurn(callback: () => void): void;
}
