import { checksumSize } from "./record-writer.ts";

/** Reads what RecordWriter wrote. A record that is too short throws a RangeError. */
export class RecordReader {
  readonly #record: Buffer;
  #position = checksumSize;

  constructor(record: Buffer) {
    this.#record = record;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#record.length;
  }

  uint8(): number {
    return this.#record.readUInt8(this.#advance(1));
  }

  uint16(): number {
    return this.#record.readUInt16LE(this.#advance(2));
  }

  uint32(): number {
    return this.#record.readUInt32LE(this.#advance(4));
  }

  uint48(): number {
    return this.#record.readUIntLE(this.#advance(6), 6);
  }

  float64(): number {
    return this.#record.readDoubleLE(this.#advance(8));
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.uint8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  text(): string {
    const length = this.varint();
    const start = this.#advance(length);
    return this.#record.toString("utf8", start, start + length);
  }

  /** A copy of all that follows. */
  rest(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#record, this.#position);
  }

  #advance(size: number): number {
    const start = this.#position;
    if (start + size > this.#record.length) throw new RangeError("The record ends early");
    this.#position = start + size;
    return start;
  }
}
