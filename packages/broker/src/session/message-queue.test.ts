import fc from "fast-check";
import { expect, test } from "vitest";
import { MessageQueue, type QueuedMessage } from "./message-queue.ts";

test("gives back what was put in, in order, and counts its bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(50), fc.constantFrom("shift", "takeAll"))), (steps) => {
      const queue = new MessageQueue();
      const expected: QueuedMessage[] = [];
      for (const step of steps) {
        if (typeof step === "number") {
          const message: QueuedMessage = {
            body: new Uint8Array(step),
            flags: step,
            subscriptionIdentifiers: undefined,
            shareFilter: undefined,
          };
          queue.push(message);
          expected.push(message);
        } else if (step === "shift") expect(queue.shift()).toBe(expected.shift());
        else expect(queue.takeAll()).toEqual(expected.splice(0));
        expect(queue.length).toBe(expected.length);
        expect(queue.bytes).toBe(expected.reduce((sum, { body }) => sum + body.length, 0));
      }
    }),
  );
});

test("goes on for long without ever being empty", () => {
  const queue = new MessageQueue();
  const message = (flags: number): QueuedMessage => ({
    body: new Uint8Array(1),
    flags,
    subscriptionIdentifiers: undefined,
    shareFilter: undefined,
  });
  queue.push(message(0));
  for (let index = 1; index < 10_000; index++) {
    queue.push(message(index));
    expect(queue.shift()?.flags).toBe(index - 1);
  }
  expect([queue.length, queue.bytes]).toEqual([1, 1]);
});
