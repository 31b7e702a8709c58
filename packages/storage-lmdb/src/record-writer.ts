import { crc32 } from "node:zlib";

const firstChunkSize = 4 * 1024;
const chunkSize = 16 * 1024;
/** A record begins with the CRC-32 of its key and of all that follows. */
export const checksumSize = 4;

/** Writes the records of one group one after the other, into as few buffers as possible. */
export class RecordWriter {
  #chunk: Buffer = Buffer.allocUnsafeSlow(firstChunkSize);
  #start = 0;
  #end = 0;

  begin(): void {
    this.#start = this.#end;
    this.#reserve(checksumSize);
    this.#end += checksumSize;
  }

  /** The record, sealed for `key`. */
  finish(key: Uint8Array): Buffer {
    const record = this.#chunk.subarray(this.#start, this.#end);
    sealRecord(key, record);
    return record;
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#end = this.#chunk.writeUInt8(value, this.#end);
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#end = this.#chunk.writeUInt16LE(value, this.#end);
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#end = this.#chunk.writeUInt32LE(value, this.#end);
  }

  uint48(value: number): void {
    this.#reserve(6);
    this.#end = this.#chunk.writeUIntLE(value, this.#end, 6);
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#end = this.#chunk.writeDoubleLE(value, this.#end);
  }

  /** A non-negative integer in as many bytes as it needs, 7 bits in each. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#chunk[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#chunk[this.#end++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#chunk.set(value, this.#end);
    this.#end += value.length;
  }

  text(value: string): void {
    const bytes = Buffer.from(value);
    this.varint(bytes.length);
    this.bytes(bytes);
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#chunk.length) return;
    const begun = this.#chunk.subarray(this.#start, this.#end);
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(chunkSize, 2 * (begun.length + size)));
    this.#chunk.set(begun);
    this.#start = 0;
    this.#end = begun.length;
  }
}

export function sealRecord(key: Uint8Array, record: Buffer): void {
  record.writeUInt32LE(crc32(record.subarray(checksumSize), crc32(key)), 0);
}

/** Whether the record is what was written under this key. */
export function isRecordSound(key: Uint8Array, record: Buffer): boolean {
  if (record.length < checksumSize) return false;
  return record.readUInt32LE(0) === crc32(record.subarray(checksumSize), crc32(key));
}
