import { matchTopic } from "@dunlin/protocol";
import { describe, expect, test } from "vitest";
import { FilterTree } from "./filter-tree.ts";

function treeOf(filters: Iterable<string>): FilterTree<string> {
  const tree = new FilterTree<string>();
  for (const filter of filters) tree.set(filter, filter);
  return tree;
}

function matches(tree: FilterTree<string>, name: string): string[] {
  const found: string[] = [];
  tree.match(name, (value) => found.push(value));
  return found.sort();
}

describe("FilterTree", () => {
  // The examples of MQTT 5.0, 4.7.1 and 4.7.2.
  test.each([
    ["sport/tennis/player1", ["#", "+/tennis/#", "sport/#", "sport/tennis/+", "sport/tennis/player1/#"]],
    ["sport/tennis/player1/ranking", ["#", "+/tennis/#", "sport/#", "sport/tennis/player1/#"]],
    ["sport", ["#", "+", "sport/#"]],
    ["sport/", ["#", "+/+", "sport/#", "sport/+"]],
    ["/finance", ["#", "+/+", "/+"]],
    ["$SYS", ["$SYS/#"]],
    ["$SYS/monitor/Clients", ["$SYS/#", "$SYS/monitor/+"]],
    ["SPORT", ["#", "+"]],
  ])("finds what matches %s", (name, expected) => {
    const tree = treeOf([
      "sport/tennis/player1/#",
      "sport/#",
      "#",
      "sport/tennis/+",
      "sport/+",
      "+",
      "+/tennis/#",
      "+/+",
      "/+",
      "$SYS/#",
      "$SYS/monitor/+",
      "+/monitor/Clients",
    ]);
    expect(matches(tree, name)).toEqual([...expected].sort());
  });

  test("matches characters as they are, without normalization [MQTT-4.7.3-4]", () => {
    expect(matches(treeOf(["\u00e9/+"]), "e\u0301/a")).toEqual([]);
    expect(matches(treeOf(["\u00e9/+"]), "\u00e9/a")).toEqual(["\u00e9/+"]);
  });

  // Each of the filters matches the topic at every level but the last: a matcher that came to the same place on
  // more than one way would have 2 ** 127 of them to go.
  test("compares a topic of 128 levels with each hostile filter once", () => {
    const filters = new Set(["+/".repeat(127).slice(0, -1).concat("/#"), `${"+/".repeat(127)}b`]);
    for (let number = 0; filters.size < 4000; number++) {
      const bits = (number * 2_654_435_761) >>> 0;
      const levels = Array.from({ length: 127 }, (_, index) => ((bits >>> (index % 32)) & 1 ? "+" : "a"));
      filters.add([...levels, number % 100 === 0 ? "+" : "b"].join("/"));
    }
    const name = Array.from({ length: 128 }, () => "a").join("/");
    const tree = treeOf(filters);
    const expected = [...filters].filter((filter) => matchTopic(filter, name)).sort();
    expect(expected.length).toBeGreaterThan(30);
    expect(matches(tree, name)).toEqual(expected);
  });
});
