import {
  type FrameReader,
  PacketType,
  ProtocolError,
  type ProtocolVersion,
  peekProtocolVersion,
  ReasonCode,
  UnsupportedProtocolVersionError,
} from "@dunlin/protocol";

/** How other protocols begin that come to MQTT's port by mistake, and what their senders want instead. */
const STRANGERS: readonly (readonly [message: string, ...beginnings: string[]])[] = [
  ["this is TLS: connect without it, or to a listener of type tls", "\x16\x03"],
  [
    "this is HTTP: browsers connect to a listener of type websocket",
    ...["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PRI "],
  ],
  ["this is SSH", "SSH-"],
  [
    "this is a PROXY protocol header: set proxyProtocol on the listener, or send none",
    ...["PROXY ", "\r\n\r\n\0\r\n"],
  ],
];

/** What came in place of CONNECT. */
export class StrangerError extends ProtocolError {
  constructor(hint: string) {
    const message = `the first packet is not CONNECT${hint}`;
    super(ReasonCode.ProtocolError, message, { offset: 0, clause: "MQTT-3.1.0-1" });
  }
}

/** Why what a connection begins with cannot become CONNECT; not even its length is believed. */
export function strangerError(
  reader: FrameReader,
  bytes: Uint8Array,
  start: number,
  end: number,
): StrangerError | undefined {
  // The first byte has been here.
  if (reader.bufferedBytes > 0) return undefined;
  const beginning = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 8)));
  for (const [message, ...beginnings] of STRANGERS) {
    if (beginnings.some((each) => beginning.startsWith(each))) return new StrangerError(`: ${message}`);
  }
  return bytes[start]! >> 4 === PacketType.CONNECT ? undefined : new StrangerError("");
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
