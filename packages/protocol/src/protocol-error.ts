import type { PacketName } from "./packet-type.ts";
import { ReasonCode } from "./reason-code.ts";

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
  override readonly name: string = "ProtocolError";
  readonly code = "DUNLIN_PROTOCOL";
  /** The MQTT 5.0 Reason Code that CONNACK or DISCONNECT carries for this error. */
  readonly reasonCode: ReasonCode;
  readonly packet: PacketName | undefined;
  readonly offset: number | undefined;
  readonly clause: string | undefined;

  constructor(reasonCode: ReasonCode, message: string, context: ProtocolErrorContext = {}) {
    super(context.packet === undefined ? message : `${context.packet}: ${message}`);
    this.reasonCode = reasonCode;
    this.packet = context.packet;
    this.offset = context.offset;
    this.clause = context.clause;
  }
}

/** A CONNECT of a protocol or version that is not spoken here; it says how it may be answered. */
export class UnsupportedProtocolVersionError extends ProtocolError {
  override readonly name: string = "UnsupportedProtocolVersionError";
  readonly protocolName: string;
  readonly protocolLevel: number;
  /**
   * The version whose CONNACK the sender can be expected to read: 5 (Reason Code 0x84) for a level above 5,
   * 4 (return code 1) for one below, undefined where the protocol is not MQTT and closing is the answer.
   */
  readonly connackVersion: 4 | 5 | undefined;

  constructor(protocolName: string, protocolLevel: number, offset: number) {
    const isMqtt = protocolName === "MQTT" || protocolName === "MQIsdp";
    super(
      ReasonCode.UnsupportedProtocolVersion,
      isMqtt
        ? `Protocol Level ${protocolLevel} of "${protocolName}" is not supported`
        : "the Protocol Name is not MQTT",
      { packet: "CONNECT", offset, clause: isMqtt ? "MQTT-3.1.2-2" : "MQTT-3.1.2-1" },
    );
    this.protocolName = protocolName;
    this.protocolLevel = protocolLevel;
    this.connackVersion = isMqtt ? (protocolLevel > 5 ? 5 : 4) : undefined;
  }
}
