import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeMessageBody, MessageBodyView, messageBodySize, writeMessageBody } from "./message-body.ts";

const bytes = fc.uint8Array({ maxLength: 60 });
const expiry = fc.oneof(
  fc.constant(Number.POSITIVE_INFINITY),
  fc.constant(0),
  fc.nat(),
  fc.constant(Date.UTC(2162, 0, 1) + 0.5),
);

test("a body gives back what was written, wherever it stands", () => {
  fc.assert(
    fc.property(
      fc.record({
        qos: fc.constantFrom(0, 1, 2),
        retain: fc.boolean(),
        expiresAtMs: expiry,
        topic: fc.oneof(bytes, fc.constant(new Uint8Array(65_535).fill(0x74))),
        properties: fc.oneof(bytes, fc.constant(new Uint8Array(70_000).fill(0x26))),
        payload: bytes,
      }),
      fc.nat(20),
      ({ qos, retain, expiresAtMs, topic, properties, payload }, offset) => {
        const parts = {
          qos,
          retain,
          expiresAtMs,
          topic: { bytes: topic },
          propertyBytes: properties,
          propertiesStart: Math.min(1, properties.length),
          propertiesEnd: properties.length,
          payloadBytes: payload,
          payloadStart: Math.min(2, payload.length),
          payloadEnd: payload.length,
        };
        const size = messageBodySize(parts);
        const target = Buffer.alloc(offset + size + 3, 0xee);
        expect(writeMessageBody(parts, target, offset)).toBe(offset + size);
        expect([...target.subarray(offset + size)]).toEqual([0xee, 0xee, 0xee]);
        expect(target.subarray(offset, offset + size).equals(encodeMessageBody(parts))).toBe(true);
        const view = new MessageBodyView().read(target, offset, offset + size);
        expect([view.qos, view.retain, view.expiresAtMs]).toEqual([qos, retain, expiresAtMs]);
        const part = (start: number, end: number): Buffer => target.subarray(start, end);
        expect(part(view.topicStart, view.topicEnd).equals(topic)).toBe(true);
        expect(part(view.propertiesStart, view.propertiesEnd).equals(properties.subarray(1))).toBe(true);
        expect(part(view.payloadStart, view.payloadEnd).equals(payload.subarray(2))).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});
