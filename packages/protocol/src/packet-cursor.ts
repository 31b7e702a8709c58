import type { PacketName } from "./packet-type.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ReasonCode } from "./reason-code.ts";
import { decodeUtf8, validateUtf8 } from "./utf8.ts";
import {
  readVariableByteInteger,
  VARIABLE_BYTE_INTEGER_CUT_SHORT,
  variableByteIntegerSize,
} from "./variable-byte-integer.ts";

/** Reads one packet from front to back; every error says which field, and where. */
export class PacketCursor {
  readonly bytes: Uint8Array;
  readonly packet: PacketName;
  /** Offset of the first byte of the packet. */
  readonly start: number;
  offset: number;
  readonly end: number;

  constructor(packet: PacketName, bytes: Uint8Array, start: number, offset: number, end: number) {
    this.packet = packet;
    this.bytes = bytes;
    this.start = start;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** The error of the byte at `offset`; by default the one that would be read next. */
  error(
    reasonCode: ReasonCode,
    message: string,
    clause: string,
    offset: number = this.offset,
  ): ProtocolError {
    return new ProtocolError(reasonCode, message, {
      packet: this.packet,
      offset: offset - this.start,
      clause,
    });
  }

  malformed(message: string, clause: string, offset?: number): ProtocolError {
    return this.error(ReasonCode.MalformedPacket, message, clause, offset);
  }

  broken(message: string, clause: string, offset?: number): ProtocolError {
    return this.error(ReasonCode.ProtocolError, message, clause, offset);
  }

  private need(size: number, field: string): number {
    const offset = this.offset;
    if (size > this.end - offset) throw this.malformed(`${field} is cut short`, "MQTT 5.0, 1.2");
    this.offset = offset + size;
    return offset;
  }

  readByte(field: string): number {
    return this.bytes[this.need(1, field)]!;
  }

  readTwoByteInteger(field: string): number {
    const offset = this.need(2, field);
    return (this.bytes[offset]! << 8) | this.bytes[offset + 1]!;
  }

  readFourByteInteger(field: string): number {
    const offset = this.need(4, field);
    return readFourByteIntegerAt(this.bytes, offset);
  }

  readVariableByteInteger(field: string): number {
    const value = readVariableByteInteger(this.bytes, this.offset, this.end);
    if (value < 0) {
      const what = value === VARIABLE_BYTE_INTEGER_CUT_SHORT ? "is cut short" : "is not in its shortest form";
      throw this.malformed(`${field} ${what}`, "MQTT-1.5.5-1");
    }
    this.offset += variableByteIntegerSize(value);
    return value;
  }

  /** Moves over a length and as many bytes, and returns the offset of the first; `offset` is then their end. */
  private skipLengthPrefixed(field: string): number {
    const length = this.readTwoByteInteger(field);
    return this.need(length, field);
  }

  readString(field: string): string {
    const start = this.skipLengthPrefixed(field);
    const badByte = validateUtf8(this.bytes, start, this.offset);
    if (badByte >= 0) {
      const clause = this.bytes[badByte] === 0 ? "MQTT-1.5.4-2" : "MQTT-1.5.4-1";
      throw this.malformed(`${field} is not valid UTF-8`, clause, badByte);
    }
    return decodeUtf8(this.bytes, start, this.offset);
  }

  /** A subarray of the input. */
  readBinary(field: string): Uint8Array {
    const start = this.skipLengthPrefixed(field);
    return this.bytes.subarray(start, this.offset);
  }

  readPacketIdentifier(): number {
    const identifier = this.readTwoByteInteger("the Packet Identifier");
    if (identifier === 0) throw this.broken("the Packet Identifier is 0", "MQTT-2.2.1-3", this.offset - 2);
    return identifier;
  }

  /** Every byte that the Remaining Length counts must belong to a field. */
  finish(): void {
    if (this.offset !== this.end) throw this.malformed("bytes follow the last field", "MQTT 5.0, 2.1.4");
  }
}

export function readFourByteIntegerAt(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! * 0x100_0000 +
    ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!)
  );
}
