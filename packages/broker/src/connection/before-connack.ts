import {
  type FrameReader,
  PacketType,
  ProtocolError,
  type ProtocolVersion,
  peekProtocolVersion,
  ReasonCode,
  UnsupportedProtocolVersionError,
} from "@dunlin/protocol";

/** Throws unless the first packet is CONNECT. */
export function checkFirst(packetType: number): void {
  if (packetType === PacketType.CONNECT) return;
  const clause = "MQTT-3.1.0-1";
  throw new ProtocolError(ReasonCode.ProtocolError, "the first packet is not CONNECT", { offset: 0, clause });
}

/** Throws for what may not come between CONNECT and CONNACK. */
export function checkBeforeConnack(packetType: number): void {
  if (packetType === PacketType.AUTH || packetType === PacketType.DISCONNECT) return;
  const message = "a packet before CONNACK is neither AUTH nor DISCONNECT";
  throw new ProtocolError(ReasonCode.ProtocolError, message, { clause: "MQTT-3.1.2-30" });
}

/**
 * The version in which a CONNECT that cannot be accepted may be answered; undefined where closing is the answer.
 * `known` where CONNECT itself was understood.
 */
export function answerableVersion(
  known: ProtocolVersion | undefined,
  error: ProtocolError,
  reader: FrameReader,
): ProtocolVersion | undefined {
  const unsupported = error instanceof UnsupportedProtocolVersionError;
  const version =
    known ??
    (unsupported ? error.connackVersion : peekProtocolVersion(reader.bytes, reader.bodyStart, reader.end));
  // MQTT 3.1.1 has no return code for a malformed CONNECT.
  return version === 5 || unsupported ? version : undefined;
}
