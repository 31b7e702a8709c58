import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryTopicFilter } from "../test/arbitrary-topic.ts";
import { isSharedFilter, parseSharedFilter, topicFilterProblem } from "./topic-filter.ts";

describe("topicFilterProblem", () => {
  test.each([
    "#",
    "+",
    "/",
    "a",
    "a/#",
    "a/+/b",
    "+/+",
    "/+",
    "+/#",
    "//",
    " ",
    "$SYS/#",
    "$share",
    "$shared/x",
  ])("takes %s", (filter) => expect(topicFilterProblem(filter)).toBeUndefined());

  test.each(["$share/g/#", "$share/g/a", "$share/g//", "$share/g/+/b", "$share/$/$SYS/#"])(
    "takes %s",
    (filter) => expect(topicFilterProblem(filter)).toBeUndefined(),
  );

  test.each([
    ["", "is empty"],
    ["a#", "has a # that is not the whole last level"],
    ["#/a", "has a # that is not the whole last level"],
    ["a/#/b", "has a # that is not the whole last level"],
    ["##", "has a # that is not the whole last level"],
    ["a+", "has a + that is not a whole level"],
    ["+a/b", "has a + that is not a whole level"],
    ["a/b+/c", "has a + that is not a whole level"],
    ["++", "has a + that is not a whole level"],
    ["a\0", "holds the null character U+0000"],
    ["a\ud800", "holds an unpaired surrogate"],
    ["x".repeat(65_536), "is longer than 65535 bytes"],
    ["\u00fc".repeat(32_768), "is longer than 65535 bytes"],
    ["$share/", "has no topic filter after the share name"],
    ["$share/g", "has no topic filter after the share name"],
    ["$share/g/", "has no topic filter after the share name"],
    ["$share//a", "has an empty share name"],
    ["$share/+/a", "has a wildcard in its share name"],
    ["$share/a#/b", "has a wildcard in its share name"],
    ["$share/g/a#", "has a # that is not the whole last level"],
  ])("refuses %s", (filter, problem) => expect(topicFilterProblem(filter)).toBe(problem));

  test("takes a filter of 65,535 bytes [MQTT-4.7.3-3]", () => {
    expect(topicFilterProblem("x".repeat(65_535))).toBeUndefined();
  });

  test("takes whatever the arbitrary makes, which other tests rely on", () => {
    fc.assert(fc.property(arbitraryTopicFilter, (filter) => topicFilterProblem(filter) === undefined));
  });
});

describe("parseSharedFilter", () => {
  test.each([
    ["$share/g/a/b", { shareName: "g", topicFilter: "a/b" }],
    ["$share/g//", { shareName: "g", topicFilter: "/" }],
    ["$share/g/#", { shareName: "g", topicFilter: "#" }],
    ["$share/g/", undefined],
    ["$share//a", undefined],
    ["$share/+/a", undefined],
    ["a/b", undefined],
    ["$share", undefined],
    ["x$share/g/a", undefined],
  ])("of %s", (filter, expected) => expect(parseSharedFilter(filter)).toEqual(expected));

  test("isSharedFilter sees the prefix alone", () => {
    expect(isSharedFilter("$share//")).toBe(true);
    expect(isSharedFilter("$SHARE/g/a")).toBe(false);
  });
});
