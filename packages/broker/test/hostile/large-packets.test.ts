import { afterEach, beforeEach, expect, test } from "vitest";
import { AttackedBroker } from "./attacked-broker.ts";
import { RawClient } from "./raw-client.ts";

const MEBIBYTE = 1024 * 1024;
const PACKET_BYTES = 16 * MEBIBYTE - 10;

let broker: AttackedBroker;

beforeEach(async () => {
  broker = await AttackedBroker.start();
});

afterEach(() => broker.stop());

/** A packet of that size whose variable header is followed by one thing, over and over. */
function repeating(firstByte: number, header: readonly number[], thing: readonly number[]): Buffer {
  const count = Math.floor((PACKET_BYTES - header.length) / thing.length);
  const length = header.length + count * thing.length;
  const lengthBytes = [length & 0x7f, (length >> 7) & 0x7f, (length >> 14) & 0x7f, length >> 21];
  const start = Buffer.from([
    firstByte,
    ...lengthBytes.map((byte, index) => byte | (index < 3 ? 0x80 : 0)),
    ...header,
  ]);
  return Buffer.concat([start, Buffer.alloc(count * thing.length, Buffer.from(thing))]);
}

/** Property Length of what fills the packet behind `before` bytes. */
function propertyLength(before: number): number[] {
  const length = Math.floor((PACKET_BYTES - before - 4) / USER_PROPERTY.length) * USER_PROPERTY.length;
  return [length & 0x7f, (length >> 7) & 0x7f, (length >> 14) & 0x7f]
    .map((byte) => byte | 0x80)
    .concat(length >> 21);
}

const USER_PROPERTY = [0x26, 0, 0, 0, 0];
const FILTER = [0, 1, 0x61];

test.each([
  ["SUBSCRIBE with millions of Topic Filters", repeating(0x82, [0, 1, 0], [...FILTER, 0])],
  ["UNSUBSCRIBE with millions of Topic Filters", repeating(0xa2, [0, 1, 0], FILTER)],
  [
    "SUBSCRIBE with millions of User Properties",
    repeating(0x82, [0, 1, ...propertyLength(2)], USER_PROPERTY),
  ],
  [
    "PUBACK with millions of User Properties",
    repeating(0x40, [0, 1, 0, ...propertyLength(3)], USER_PROPERTY),
  ],
  ["DISCONNECT with millions of User Properties", repeating(0xe0, [0, ...propertyLength(1)], USER_PROPERTY)],
])("%s", async (_what, packet) => {
  for (let index = 0; index < 3; index++) {
    const client = await RawClient.connected(broker.tcpUrl, `hostile${index}`);
    client.write(packet);
    await client.closed();
  }
  const { memoryBytes, latencyMs } = await broker.cost();
  const { limits } = await broker.report();
  expect(limits["maximumNonPublishPacketSize"]).toBe(3);
  expect(memoryBytes).toBeLessThan(150 * MEBIBYTE);
  expect(latencyMs).toBeLessThan(1000);
});
