import { expect, it } from "vitest";
import { Arrival, DeliveryCheck } from "./delivery-check.ts";

const { InOrder, Late, Duplicate } = Arrival;

function arrivals(sequences: readonly number[]): Arrival[] {
  const check = new DeliveryCheck(1);
  return sequences.map((sequence) => check.arrive(0, sequence));
}

it("takes what comes in order", () => {
  expect(arrivals([0, 1, 2])).toEqual([InOrder, InOrder, InOrder]);
});

it("tells a message that comes twice from one that comes late", () => {
  expect(arrivals([0, 3, 1, 1, 3, 2])).toEqual([InOrder, InOrder, Late, Duplicate, Duplicate, Late]);
});

it("counts what has not come until it comes late", () => {
  const check = new DeliveryCheck(1);
  const missing = [0, 3, 1, 1, 3].map((sequence) => {
    check.arrive(0, sequence);
    return check.missing;
  });
  expect(missing).toEqual([0, 2, 1, 1, 1]);
});

it("follows streams apart", () => {
  const check = new DeliveryCheck(2);
  expect([check.arrive(0, 0), check.arrive(1, 0), check.arrive(0, 1)]).toEqual([InOrder, InOrder, InOrder]);
  expect(check.arrive(1, 0)).toBe(Duplicate);
});

it("begins a stream where it is heard first", () => {
  const check = new DeliveryCheck(1);
  check.begin(0, 100);
  expect([check.arrive(0, 100), check.arrive(0, 99)]).toEqual([InOrder, Duplicate]);
});
