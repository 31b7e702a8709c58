import fc from "fast-check";
import { expect, test } from "vitest";
import { AcknowledgementQueue } from "./acknowledgement-queue.ts";

type Entry = readonly [
  type: number,
  identifier: number,
  reason: number,
  ticket: number,
  text: string | undefined,
];

test("gives acknowledgements back in order, each when its group is stored", () => {
  const entry = fc.tuple(
    fc.constantFrom(4, 5, 6, 7),
    fc.integer({ min: 1, max: 65_535 }),
    fc.nat(255),
    fc.nat(40),
    fc.option(fc.string(), { nil: undefined, freq: 3 }),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(entry, fc.nat(40))), (steps) => {
      const queue = new AcknowledgementQueue();
      const expected: Entry[] = [];
      for (const step of steps) {
        if (typeof step !== "number") {
          queue.push(...step);
          expected.push(step);
        } else {
          while (queue.shift(step)) {
            const [type, identifier, reason, ticket, text] = expected.shift()!;
            expect(ticket).toBeLessThanOrEqual(step);
            const { packetType, packetIdentifier, reasonCode, reasonString } = queue;
            expect([packetType, packetIdentifier, reasonCode, reasonString]).toEqual([
              type,
              identifier,
              reason,
              text,
            ]);
          }
          if (expected.length > 0) expect(expected[0]![3]).toBeGreaterThan(step);
        }
        expect(queue.length).toBe(expected.length);
      }
    }),
  );
});

test("a queue that is never empty keeps its order and its Reason Strings", () => {
  const queue = new AcknowledgementQueue();
  queue.push(4, 1, 0, 0, "0");
  for (let index = 1; index < 10_000; index++) {
    queue.push(4, 1, 0, index, index % 3 === 0 ? String(index) : undefined);
    expect(queue.shift(index - 1)).toBe(true);
    expect(queue.reasonString).toBe((index - 1) % 3 === 0 ? String(index - 1) : undefined);
    expect(queue.shift(index - 1)).toBe(false);
  }
  expect(queue.length).toBe(1);
});
