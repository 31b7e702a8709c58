import { commitGroup } from "@dunlin/test-kit";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openBatch, packBodies } from "./body-batch.ts";

const body = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.integer({ min: 0, max: 50_000 }).map((length) => "x".repeat(length)),
);

test("every wanted body is found in its batch, small batches are shared and large bodies alone", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(body, fc.boolean()), { maxLength: 40 }), (choices) => {
      const bodies = choices.map(([text]) => text);
      const wanted = Uint8Array.from(choices, ([, isWanted]) => (isWanted ? 1 : 0));
      const { batches, batchOf, indexOf } = packBodies(commitGroup({ bodies }), wanted, 100);
      expect(batches.map(({ batchNumber }) => batchNumber)).toEqual([...batches.keys()].map((n) => n + 100));
      for (const [index, text] of bodies.entries()) {
        if (wanted[index] === 0) continue;
        const { batchNumber, batch } = batches[batchOf[index]!]!;
        const found = openBatch(batchNumber, batch.record)?.body(indexOf[index]!);
        expect(Buffer.from(found ?? []).toString()).toBe(text);
      }
      const stored = batches.reduce((bytes, { batch }) => bytes + batch.record.length, 0);
      const needed = bodies.reduce((bytes, text, index) => bytes + wanted[index]! * (text.length + 4), 0);
      expect(stored).toBe(needed + batches.length * 8);
      // Of two neighbouring batches, at most one is less than half full.
      expect(batches.length).toBeLessThanOrEqual(2 + (2 * stored) / 32_768);
    }),
  );
});

test("a batch that changed, or stands under another number, is not opened", () => {
  const { batches } = packBodies(commitGroup({ bodies: ["one", "two"] }), Uint8Array.of(1, 1), 5);
  const { record } = batches[0]!.batch;
  expect(openBatch(5, record)?.body(1)).toEqual(Buffer.from("two"));
  expect(openBatch(5, record)?.body(2)).toBeUndefined();
  expect(openBatch(6, record)).toBeUndefined();
  record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1);
  expect(openBatch(5, record)).toBeUndefined();
});
