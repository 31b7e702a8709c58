import fc from "fast-check";
import { expect, test } from "vitest";
import { isRecordSound, RecordWriter } from "./record-writer.ts";
import * as records from "./records.ts";

const key = Buffer.from("key");
const sequence = fc.nat(2 ** 48 - 1);
const bytes = fc.uint8Array({ maxLength: 100 });
const deliveryState = fc.record({
  firstUnacknowledged: sequence,
  sentBefore: sequence,
  acknowledged: fc.array(sequence),
  released: fc.array(sequence),
  inboundPacketIdentifiers: fc.array(fc.integer({ min: 1, max: 65_535 })),
});
const session = fc.record({
  sessionNumber: fc.constant(7),
  clientId: fc.string({ unit: "grapheme" }),
  protocolVersion: fc.constantFrom(3, 4, 5),
  sessionExpiryIntervalSeconds: fc.nat(0xffffffff),
  expiresAtMs: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY)),
  userName: fc.option(fc.string(), { nil: undefined }),
});
const subscription = fc.record({
  topicFilter: fc.string({ unit: "grapheme", maxLength: 200 }),
  qos: fc.constantFrom(0, 1, 2),
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  retainHandling: fc.constantFrom(0, 1, 2),
  subscriptionIdentifier: fc.nat(268_435_455),
});
const will = fc.record({ body: bytes, willDelayIntervalSeconds: fc.nat(0xffffffff), publishAtMs: fc.nat() });

/** Many records from one writer must not disturb each other. */
function roundTrip<Value>(
  values: fc.Arbitrary<Value>,
  encode: (writer: RecordWriter, key: Uint8Array, value: Value) => Buffer,
  decode: (record: Buffer) => unknown,
): void {
  fc.assert(
    fc.property(fc.array(values, { minLength: 1, maxLength: 50 }), (many) => {
      const writer = new RecordWriter();
      const encoded = many.map((value) => encode(writer, key, value));
      for (const record of encoded) expect(isRecordSound(key, record)).toBe(true);
      expect(encoded.map(decode)).toEqual(many);
    }),
  );
}

test("decoding reverses encoding", () => {
  roundTrip(deliveryState, records.encodeDeliveryState, records.decodeDeliveryState);
  roundTrip(session, records.encodeSession as never, (record) => records.decodeSession(7, record));
  roundTrip(subscription, records.encodeSubscription as never, records.decodeSubscription);
  roundTrip(will, records.encodeWill, (record) => {
    const decoded = records.decodeWill(record);
    return { ...decoded, body: Uint8Array.from(decoded.body) };
  });
});

test("a record is sound only as it was written, and under its own key", () => {
  fc.assert(
    fc.property(deliveryState, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
      const record = records.encodeDeliveryState(new RecordWriter(), key, value);
      expect(isRecordSound(Buffer.from("kez"), record)).toBe(false);
      record.writeUInt8(record.readUInt8(at % record.length) ^ change, at % record.length);
      expect(isRecordSound(key, record)).toBe(false);
    }),
  );
});
