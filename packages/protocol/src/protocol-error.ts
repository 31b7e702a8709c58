import type { PacketName } from "./packet-type.ts";
import type { ReasonCode } from "./reason-code.ts";

/** Where in a packet a rule was broken, and which. */
export interface ProtocolErrorContext {
  /** Absent where the packet type itself is what is wrong. */
  readonly packet?: PacketName | undefined;
  /** Bytes from the first byte of the packet. */
  readonly offset?: number | undefined;
  /** Id of the normative statement, e.g. "MQTT-2.1.3-1", or a section such as "MQTT 5.0, 2.2.2.2". */
  readonly clause?: string | undefined;
}

/** A malformed packet or a broken rule of the protocol. The connection that sent it must be closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code = "DUNLIN_PROTOCOL";
  /** The MQTT 5.0 Reason Code that CONNACK or DISCONNECT carries for this error. */
  readonly reasonCode: ReasonCode;
  readonly packet: PacketName | undefined;
  readonly offset: number | undefined;
  readonly clause: string | undefined;

  constructor(reasonCode: ReasonCode, message: string, context: ProtocolErrorContext = {}) {
    super(message);
    this.reasonCode = reasonCode;
    this.packet = context.packet;
    this.offset = context.offset;
    this.clause = context.clause;
  }
}
