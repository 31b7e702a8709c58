import { PacketType, packetNameOf } from "./packet-type.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ReasonCode } from "./reason-code.ts";

const EMPTY = new Uint8Array(0);

/** Type byte and Remaining Length of four bytes. */
const MAXIMUM_HEADER_BYTES = 5;

/** The most memory that a packet's header can claim before the packet's bytes arrive. */
const UNPROVEN_BYTES_MAXIMUM = 16_384;

/**
 * Finds packet borders in a byte stream split anywhere. A pull interface, so that a reader may stop between two
 * packets. Packets that lie whole in the input are shown in place, without a copy or an allocation.
 */
export class FrameReader {
  /** Bytes of a whole packet, fixed header included. May be changed between packets. */
  maximumPacketSize: number;
  /** Where lower: of a packet that is no PUBLISH, whose small fields cost far more memory than their bytes. */
  maximumNonPublishPacketSize: number;

  /** The bytes that hold the current packet; valid after `next` returned true, as the three offsets are. */
  bytes: Uint8Array = EMPTY;
  start = 0;
  /** Offset behind the fixed header. */
  bodyStart = 0;
  end = 0;

  private input: Uint8Array = EMPTY;
  private inputOffset = 0;
  private inputEnd = 0;

  /** The incomplete packet at the end of the last input. */
  private partial: Uint8Array = EMPTY;
  private partialLength = 0;
  /** 0 while the partial packet's header is incomplete. */
  private partialPacketSize = 0;
  private headerSize = 0;

  constructor(maximumPacketSize: number) {
    this.maximumPacketSize = maximumPacketSize;
    this.maximumNonPublishPacketSize = maximumPacketSize;
  }

  /** Size of the incomplete packet held, in bytes received so far. */
  get bufferedBytes(): number {
    return this.partialLength;
  }

  /** Bytes that the incomplete packet still needs; 0 while its header is incomplete, or where none is held. */
  get missingBytes(): number {
    return this.partialPacketSize === 0 ? 0 : this.partialPacketSize - this.partialLength;
  }

  /** The input as long as it is not used up; else empty. */
  get unread(): Uint8Array {
    return this.inputOffset < this.inputEnd ? this.input : EMPTY;
  }

  /**
   * Copies the incomplete packet to `target` and lets go of it: the caller puts its next input right behind, and
   * feeds both as one, so that the packet is shown in place between its neighbours.
   */
  moveHeldTo(target: Uint8Array, offset: number): void {
    target.set(this.partial.subarray(0, this.partialLength), offset);
    this.dropPartial();
  }

  /** Lets go of everything: nothing more is read. */
  discard(): void {
    this.dropPartial();
    this.releaseInput();
  }

  /**
   * Gives the next input. The bytes from `start` to `end` must stay unchanged while packets that lie in them are
   * in use. The input before must be used up: `next` returned false.
   */
  feed(bytes: Uint8Array, start: number, end: number): void {
    if (this.inputOffset < this.inputEnd) throw new Error("the input before is not used up");
    this.input = bytes;
    this.inputOffset = start;
    this.inputEnd = end;
  }

  /**
   * Moves to the next whole packet; false when more bytes are needed (what was left has then been copied out).
   * Throws a ProtocolError, 0x81 for a malformed Remaining Length, 0x95 for a packet over `maximumPacketSize` and
   * 0x97 for one over `maximumNonPublishPacketSize`, as soon as the header tells.
   */
  next(): boolean {
    if (this.partialLength > 0) return this.completePartial();
    const start = this.inputOffset;
    const size = this.readHeader(this.input, start, this.inputEnd);
    if (size === 0 || start + size > this.inputEnd) {
      this.keepRest(size);
      return false;
    }
    this.bytes = this.input;
    this.start = start;
    this.bodyStart = start + this.headerSize;
    this.end = start + size;
    this.inputOffset = this.end;
    return true;
  }

  /** Size of the packet that begins at `offset`, 0 when its fixed header is incomplete. Sets `headerSize`. */
  private readHeader(bytes: Uint8Array, offset: number, end: number): number {
    let remainingLength = 0;
    for (let index = 1; index < MAXIMUM_HEADER_BYTES; index++) {
      if (offset + index >= end) return 0;
      const byte = bytes[offset + index]!;
      remainingLength |= (byte & 0x7f) << (7 * (index - 1));
      if (byte < 0x80) {
        if (byte === 0 && index > 1) throw malformedLength("is not in its shortest form", index);
        this.headerSize = index + 1;
        return this.checkSize(index + 1 + remainingLength, bytes[offset]! >> 4);
      }
    }
    throw malformedLength("takes more than four bytes", MAXIMUM_HEADER_BYTES - 1);
  }

  private checkSize(size: number, type: number): number {
    if (size > this.maximumPacketSize) {
      const message = `a packet of ${size} bytes is over the Maximum Packet Size of ${this.maximumPacketSize}`;
      throw new ProtocolError(ReasonCode.PacketTooLarge, message, { offset: 1, clause: "MQTT-3.2.2-15" });
    }
    if (size > this.maximumNonPublishPacketSize && type !== PacketType.PUBLISH) {
      const limit = this.maximumNonPublishPacketSize;
      const message = `a packet of ${size} bytes, and no PUBLISH, is over the limit of ${limit}`;
      throw new ProtocolError(ReasonCode.QuotaExceeded, message, { packet: packetNameOf(type), offset: 1 });
    }
    return size;
  }

  /** Copies the incomplete rest of the input out. `packetSize` is 0 where the header is incomplete too. */
  private keepRest(packetSize: number): void {
    const length = this.inputEnd - this.inputOffset;
    if (length > 0) {
      this.partialPacketSize = packetSize;
      this.partial = new Uint8Array(partialCapacity(packetSize, length));
      this.append(length);
    }
    this.releaseInput();
  }

  private completePartial(): boolean {
    while (this.partialPacketSize === 0) {
      if (this.inputOffset === this.inputEnd) return this.releaseInput();
      this.append(1);
      this.partialPacketSize = this.readHeader(this.partial, 0, this.partialLength);
    }
    const size = this.partialPacketSize;
    const length = Math.min(size - this.partialLength, this.inputEnd - this.inputOffset);
    const needed = this.partialLength + length;
    if (needed > this.partial.length) {
      const grown = new Uint8Array(partialCapacity(size, needed));
      grown.set(this.partial.subarray(0, this.partialLength));
      this.partial = grown;
    }
    this.append(length);
    if (this.partialLength < size) return this.releaseInput();
    // The buffer goes to whoever holds the packet; the next partial packet gets one of its own.
    this.bytes = this.partial;
    this.start = 0;
    this.bodyStart = this.headerSize;
    this.end = size;
    this.dropPartial();
    return true;
  }

  private dropPartial(): void {
    this.partial = EMPTY;
    this.partialLength = 0;
    this.partialPacketSize = 0;
  }

  private append(length: number): void {
    const from = this.inputOffset;
    this.partial.set(this.input.subarray(from, from + length), this.partialLength);
    this.partialLength += length;
    this.inputOffset = from + length;
  }

  /** Lets go of the input, so that an idle connection pins no receive buffer. */
  private releaseInput(): false {
    this.input = EMPTY;
    this.inputOffset = 0;
    this.inputEnd = 0;
    this.bytes = EMPTY;
    this.start = 0;
    this.bodyStart = 0;
    this.end = 0;
    return false;
  }
}

/** A header alone is worth little memory; more is given as bytes really arrive. */
function partialCapacity(packetSize: number, length: number): number {
  if (packetSize === 0) return MAXIMUM_HEADER_BYTES;
  return Math.min(packetSize, Math.max(2 * length, UNPROVEN_BYTES_MAXIMUM));
}

function malformedLength(message: string, offset: number): ProtocolError {
  const clause = "MQTT-1.5.5-1";
  return new ProtocolError(ReasonCode.MalformedPacket, `the Remaining Length ${message}`, { offset, clause });
}
