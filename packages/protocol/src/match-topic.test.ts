import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryPlainFilter, arbitraryTopicName } from "../test/arbitrary-topic.ts";
import { matchTopic } from "./match-topic.ts";

/** The rules of section 4.7 as plainly as they can be put. */
function matchesNaively(filter: string, topicName: string): boolean {
  if (topicName.startsWith("$") && /^[+#]/.test(filter)) return false;
  return levelsMatch(filter.split("/"), topicName.split("/"));
}

function levelsMatch(filter: readonly string[], topic: readonly string[]): boolean {
  const [level, ...rest] = filter;
  if (level === undefined) return topic.length === 0;
  if (level === "#") return true;
  const [topicLevel, ...topicRest] = topic;
  if (topicLevel === undefined) return false;
  return (level === "+" || level === topicLevel) && levelsMatch(rest, topicRest);
}

describe("matchTopic", () => {
  test.each([
    ["sport/tennis/player1/#", "sport/tennis/player1"],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"],
    ["sport/#", "sport"],
    ["#", "a/b/c"],
    ["#", "/"],
    ["+", "finance"],
    ["/+", "/finance"],
    ["+/+", "/finance"],
    ["sport/+", "sport/"],
    ["sport/tennis/+", "sport/tennis/player1"],
    ["+/b/#", "a/b"],
    ["$SYS/#", "$SYS/broker"],
    ["$SYS/+", "$SYS/broker"],
    ["a/$x", "a/$x"],
    ["+/#", "a"],
    ["/#", "/"],
  ])("%s matches %s", (filter, topicName) => expect(matchTopic(filter, topicName)).toBe(true));

  test.each([
    ["+", "/finance"],
    ["sport/+", "sport"],
    ["sport/tennis/+", "sport/tennis/player1/ranking"],
    ["sport/tennis", "sport/tennisx"],
    ["sport/tennisx", "sport/tennis"],
    ["sport/tennis/#", "sport/tennisx"],
    ["a/b", "a"],
    ["a", "a/b"],
    ["a", "a/"],
    ["a/", "a"],
    ["A", "a"],
    ["#", "$SYS/broker"],
    ["+/broker", "$SYS/broker"],
    ["+", "$SYS"],
    ["/#", "a"],
    ["\u00e9", "e\u0301"],
  ])("%s does not match %s", (filter, topicName) => expect(matchTopic(filter, topicName)).toBe(false));

  test("agrees with the rules put naively", () => {
    let matches = 0;
    fc.assert(
      fc.property(arbitraryPlainFilter, arbitraryTopicName, (filter, topicName) => {
        const expected = matchesNaively(filter, topicName);
        if (expected) matches++;
        expect(matchTopic(filter, topicName)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
    expect(matches).toBeGreaterThan(100);
  });
});
