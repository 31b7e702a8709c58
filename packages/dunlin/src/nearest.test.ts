import { expect, test } from "vitest";
import { nearest } from "./nearest.ts";

const keys = [
  "listeners",
  "data",
  "durability",
  "limits",
  "maximumPacketSize",
  "maximumTopicLength",
  "--retain-as-published",
];

test.each([
  ["listener", "listeners"],
  ["Listeners", "listeners"],
  ["dta", "data"],
  ["adta", "data"],
  ["maximumPaketSize", "maximumPacketSize"],
  ["--retain", "--retain-as-published"],
  ["--retian-as", "--retain-as-published"],
])("%s is nearest to %s", (typed, known) => {
  expect(nearest(typed, keys)).toBe(known);
});

test.each(["x", "", "completely different"])("nothing is near to %j", (typed) => {
  expect(nearest(typed, keys)).toBeUndefined();
});
