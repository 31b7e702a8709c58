/** Each payload begins with: mark, run, publisher, sequence number in its stream, time in microseconds. */
export const PAYLOAD_HEADER_BYTES = 20;

const MARK = 0x44_4c_4e_42;
const RUN_OFFSET = 4;
const PUBLISHER_OFFSET = 8;
const SEQUENCE_OFFSET = 12;
const TIME_OFFSET = 16;
const FILLER = 0x78;

export function createPayload(bytes: number, runId: number, publisher: number): Uint8Array {
  const payload = new Uint8Array(bytes).fill(FILLER);
  const view = new DataView(payload.buffer);
  view.setUint32(0, MARK);
  view.setUint32(RUN_OFFSET, runId);
  view.setUint32(PUBLISHER_OFFSET, publisher);
  return payload;
}

/** Sets what differs between the messages of a publisher. `at` is where the payload begins. */
export function stampPayload(packets: DataView, at: number, sequence: number, time: number): void {
  packets.setUint32(at + SEQUENCE_OFFSET, sequence);
  packets.setUint32(at + TIME_OFFSET, time);
}

/** Whether the payload in `bytes` from `at` to `end` was made by a bench. */
export function isBenchPayload(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= PAYLOAD_HEADER_BYTES && readUint32(bytes, at) === MARK;
}

export function runIdOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + RUN_OFFSET);
}

export function publisherOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + PUBLISHER_OFFSET);
}

export function sequenceOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + SEQUENCE_OFFSET);
}

export function timeOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + TIME_OFFSET);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
