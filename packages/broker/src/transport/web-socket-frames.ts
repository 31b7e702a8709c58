import { isUtf8 } from "node:buffer";

/** Close codes of RFC 6455, 7.4.1. */
export const CloseCode = {
  NormalClosure: 1000,
  ProtocolError: 1002,
  UnsupportedData: 1003,
  InvalidPayload: 1007,
  MessageTooBig: 1009,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** Opcodes of RFC 6455, 5.2. */
export const Opcode = {
  Continuation: 0x0,
  Text: 0x1,
  Binary: 0x2,
  Close: 0x8,
  Ping: 0x9,
  Pong: 0xa,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

const FIN = 0x80;
const RESERVED_BITS = 0x70;
const OPCODE_BITS = 0x0f;
const CONTROL_BIT = 0x08;
const MASK = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_IN_TWO_BYTES = 126;
const LENGTH_IN_EIGHT_BYTES = 127;
const MASKING_KEY_SIZE = 4;
const LARGEST_HEADER_SIZE = 14;
const LARGEST_CONTROL_PAYLOAD = 125;

/** The client breaks the rules of RFC 6455, or sends what is no MQTT. */
export class WebSocketViolation extends Error {
  readonly closeCode: CloseCode;

  constructor(closeCode: CloseCode, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** What the client says beside its data. */
export interface ControlFrames {
  onPing(payload: Uint8Array): void;
}

/**
 * Takes the frames off what a client sends [RFC 6455, 5]. Nothing is held back but a header or a ping that is not yet
 * complete: where a frame begins or ends means nothing to MQTT [MQTT-6.0.0-2], so its bytes go on as they come.
 */
export class WebSocketFrames {
  readonly #control: ControlFrames;
  /** The frame's header, as far as it has come. */
  readonly #header = new Uint8Array(LARGEST_HEADER_SIZE);
  #headerLength = 0;
  #headerSize = 2;
  /** Bytes of the frame's payload that have not come; the header is complete while there are any. */
  #missing = 0;
  #maskIndex = 0;
  /** Whether continuation frames are to follow. */
  #message: "whole" | "begun" = "whole";
  #controlPayload: number[] = [];
  /** The client has said that it closes, or broke the rules: whatever follows is not looked at. */
  closed = false;
  violation: WebSocketViolation | undefined;

  constructor(control: ControlFrames) {
    this.#control = control;
  }

  /**
   * Moves the data in `bytes[start, end)` together, unmasked, from `start` on; returns its end. What comes before a
   * violation is data like any other: a client may have left in good order before it erred.
   */
  unpack(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    let dataEnd = start;
    try {
      while (at < end && !this.closed) {
        if (this.#missing === 0) {
          this.#header[this.#headerLength++] = bytes[at++]!;
          if (this.#headerLength === this.#headerSize) this.#onHeader();
          continue;
        }
        const payloadEnd = at + Math.min(this.#missing, end - at);
        this.#missing -= payloadEnd - at;
        if ((this.#header[0]! & CONTROL_BIT) === 0) dataEnd = this.#unmask(bytes, at, payloadEnd, dataEnd);
        else this.#takeControl(bytes, at, payloadEnd);
        at = payloadEnd;
        if (this.#missing === 0) this.#onFrameEnd();
      }
    } catch (error) {
      if (!(error instanceof WebSocketViolation)) throw error;
      this.violation = error;
      this.closed = true;
    }
    return dataEnd;
  }

  /** As much of the header has come as was known to belong to it. */
  #onHeader(): void {
    const header = this.#header;
    const length = header[1]! & LENGTH_BITS;
    if (this.#headerLength === 2) {
      this.#check(header[0]!, header[1]!);
      const lengthSize = length === LENGTH_IN_TWO_BYTES ? 2 : length === LENGTH_IN_EIGHT_BYTES ? 8 : 0;
      this.#headerSize = 2 + lengthSize + MASKING_KEY_SIZE;
      return;
    }
    const view = new DataView(header.buffer);
    this.#maskIndex = this.#headerSize - MASKING_KEY_SIZE;
    this.#missing =
      length === LENGTH_IN_TWO_BYTES
        ? view.getUint16(2)
        : length === LENGTH_IN_EIGHT_BYTES
          ? view.getUint32(2) * 2 ** 32 + view.getUint32(6)
          : length;
    if (this.#missing > Number.MAX_SAFE_INTEGER) {
      throw new WebSocketViolation(CloseCode.MessageTooBig, "a frame is longer than can be counted");
    }
    if (this.#missing === 0) this.#onFrameEnd();
  }

  #check(first: number, second: number): void {
    const opcode = first & OPCODE_BITS;
    const isFinal = (first & FIN) !== 0;
    if ((first & RESERVED_BITS) !== 0) throw broken("a reserved bit of a frame is set");
    if ((second & MASK) === 0) throw broken("the MASK bit of a frame is not set");
    switch (opcode) {
      case Opcode.Continuation:
        if (this.#message === "whole") throw broken("a continuation frame continues nothing");
        break;
      case Opcode.Binary:
        if (this.#message === "begun") throw broken("a message begins before the one before has ended");
        break;
      case Opcode.Text:
        // MQTT goes in binary frames; at any other the receiver closes the connection [MQTT-6.0.0-1].
        throw new WebSocketViolation(CloseCode.UnsupportedData, "MQTT goes in binary frames");
      case Opcode.Close:
      case Opcode.Ping:
      case Opcode.Pong:
        if (!isFinal || (second & LENGTH_BITS) > LARGEST_CONTROL_PAYLOAD) {
          throw broken("a control frame is in fragments, or too long");
        }
        return;
      default:
        throw broken(`there is no frame of opcode 0x${opcode.toString(16)}`);
    }
    this.#message = isFinal ? "whole" : "begun";
  }

  #unmask(bytes: Uint8Array, from: number, end: number, to: number): number {
    const header = this.#header;
    const key = this.#headerSize - MASKING_KEY_SIZE;
    let maskIndex = this.#maskIndex - key;
    let target = to;
    for (let at = from; at < end; at++) {
      bytes[target++] = bytes[at]! ^ header[key + (maskIndex & 3)]!;
      maskIndex++;
    }
    this.#maskIndex = key + (maskIndex & 3);
    return target;
  }

  #takeControl(bytes: Uint8Array, from: number, end: number): void {
    const at = this.#unmask(bytes, from, end, from);
    for (let index = from; index < at; index++) this.#controlPayload.push(bytes[index]!);
  }

  #onFrameEnd(): void {
    const opcode = this.#header[0]! & OPCODE_BITS;
    this.#headerLength = 0;
    this.#headerSize = 2;
    if (opcode < Opcode.Close) return;
    const payload = Uint8Array.from(this.#controlPayload);
    this.#controlPayload = [];
    if (opcode === Opcode.Close) {
      checkClosing(payload);
      this.closed = true;
    } else if (opcode === Opcode.Ping) this.#control.onPing(payload);
  }
}

/** The payload of a close is nothing, or a code that may be sent and a reason in UTF-8 [RFC 6455, 5.5.1 and 7.4]. */
function checkClosing(payload: Uint8Array): void {
  if (payload.length === 0) return;
  const code = payload.length === 1 ? 0 : payload[0]! * 256 + payload[1]!;
  const isDefined = code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
  if (!isDefined && !(code >= 3000 && code <= 4999)) throw broken("a close has no code that may be sent");
  if (!isUtf8(payload.subarray(2))) {
    throw new WebSocketViolation(CloseCode.InvalidPayload, "the reason of a close is not UTF-8");
  }
}

function broken(message: string): WebSocketViolation {
  return new WebSocketViolation(CloseCode.ProtocolError, message);
}

/** The header of a frame that a server sends: whole, and not masked. */
export function frameHeader(opcode: Opcode, payloadLength: number): Uint8Array {
  if (payloadLength < LENGTH_IN_TWO_BYTES) return Uint8Array.of(FIN | opcode, payloadLength);
  if (payloadLength < 65_536) {
    return Uint8Array.of(FIN | opcode, LENGTH_IN_TWO_BYTES, payloadLength >> 8, payloadLength & 0xff);
  }
  const header = new Uint8Array(10);
  header[0] = FIN | opcode;
  header[1] = LENGTH_IN_EIGHT_BYTES;
  const view = new DataView(header.buffer);
  view.setUint32(2, Math.floor(payloadLength / 2 ** 32));
  view.setUint32(6, payloadLength % 2 ** 32);
  return header;
}
