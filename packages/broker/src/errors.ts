/** Every error that the broker itself raises. `docs/errors.md` lists the codes. */
export type BrokerErrorCode =
  /** An option is out of range or contradicts another. */
  | "DUNLIN_OPTION"
  /** A listener cannot be started: port in use, no permission, certificate missing or expired ... */
  | "DUNLIN_LISTEN"
  /** A transport's own rules were broken by the peer: WebSocket without subprotocol, bad PROXY header ... */
  | "DUNLIN_TRANSPORT"
  /** The store cannot be opened, read or written: locked, foreign, damaged, full. */
  | "DUNLIN_STORE"
  /** The broker is not in a state for this call: started twice, publish after stop. */
  | "DUNLIN_STATE";

export class BrokerError extends Error {
  override readonly name = "BrokerError";
  readonly code: BrokerErrorCode;

  constructor(code: BrokerErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
