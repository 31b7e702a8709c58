import { matchTopic } from "@dunlin/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TopicTree } from "./topic-tree.ts";

function treeOf(...names: string[]): TopicTree<string> {
  const tree = new TopicTree<string>();
  for (const name of names) tree.set(name, name);
  return tree;
}

function matches(tree: TopicTree<string>, filter: string): string[] {
  const found: string[] = [];
  tree.match(filter, (value) => found.push(value));
  return found.sort();
}

describe("TopicTree", () => {
  test("returns what it replaces and what it deletes", () => {
    const tree = new TopicTree<number>();
    expect(tree.set("a/b", 1)).toBeUndefined();
    expect(tree.set("a/b", 2)).toBe(1);
    expect(tree.get("a/b")).toBe(2);
    expect(tree.get("a")).toBeUndefined();
    expect(tree.get("a/b/c")).toBeUndefined();
    expect(tree.delete("a")).toBeUndefined();
    expect(tree.delete("a/b")).toBe(2);
    expect(tree.delete("a/b")).toBeUndefined();
    expect(tree.size).toBe(0);
  });

  test("branches between levels, not between characters", () => {
    const tree = treeOf("site/line1/speed", "site/line10/speed", "site/line1", "site/line1/");
    expect(matches(tree, "site/line1/#")).toEqual(["site/line1", "site/line1/", "site/line1/speed"]);
    expect(matches(tree, "site/+/speed")).toEqual(["site/line1/speed", "site/line10/speed"]);
  });

  test("takes empty levels for levels", () => {
    const tree = treeOf("/", "/a", "a/", "a//b", "a");
    expect(matches(tree, "+")).toEqual(["a"]);
    expect(matches(tree, "+/+")).toEqual(["/", "/a", "a/"]);
    expect(matches(tree, "/+")).toEqual(["/", "/a"]);
    expect(matches(tree, "a//+")).toEqual(["a//b"]);
    expect(matches(tree, "/")).toEqual(["/"]);
  });

  test("keeps topics that begin with $ from wildcards at the start", () => {
    const tree = treeOf("$SYS/uptime", "$SYS", "a/$SYS");
    expect(matches(tree, "#")).toEqual(["a/$SYS"]);
    expect(matches(tree, "+/uptime")).toEqual([]);
    expect(matches(tree, "+")).toEqual([]);
    expect(matches(tree, "$SYS/#")).toEqual(["$SYS", "$SYS/uptime"]);
    expect(matches(tree, "$SYS/+")).toEqual(["$SYS/uptime"]);
  });

  test("takes a topic of many levels without a deep call stack", () => {
    const deep = "a/".repeat(30_000);
    const tree = treeOf(deep, `${deep}b`);
    expect(matches(tree, `${"+/".repeat(30_000)}+`).length).toBe(2);
    expect(tree.delete(deep)).toBe(deep);
    expect([...tree.values()]).toEqual([`${deep}b`]);
  });

  test("visits no more than the topics below the filter's literal levels", () => {
    const tree = treeOf(...Array.from({ length: 1000 }, (_, index) => `device/${index}/speed`), "lamp/1");
    expect(tree.match("lamp/+", () => {})).toBeLessThanOrEqual(2);
    expect(tree.match("device/7/+", () => {})).toBeLessThanOrEqual(2);
  });

  test("looks at no more nodes at once than it is told to", () => {
    const tree = treeOf(...Array.from({ length: 1000 }, (_, index) => `device/${index}/speed`));
    const search = tree.search("#");
    const found: string[] = [];
    let parts = 1;
    while (search.next(10, (value) => found.push(value))) {
      expect(search.visited).toBe(parts * 10);
      parts++;
    }
    expect([found.length, new Set(found).size, parts]).toEqual([1000, 1000, 101]);
  });

  test("takes no more children out of a level at once than it is told to", () => {
    const names = Array.from({ length: 1000 }, (_, index) => `device/${index}`);
    const tree = treeOf("lamp", ...names);
    const search = tree.search("device/+");
    const found = new Set<string>();
    search.next(100, (value) => found.add(value));
    for (const name of names) if (!found.has(name)) tree.delete(name);
    search.next(1000, (value) => found.add(value));
    expect([found.size, search.visited]).toEqual([99, 100]);
  });

  test("finds once what is there all the time, whatever changes between two parts of a search", () => {
    const level = fc.constantFrom("a", "b", "c");
    const name = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
    const step = fc.record({ name, add: fc.boolean() });
    const filter = fc.constantFrom("#", "+/#", "a/#", "+/+", "+/b/#", "a/+/c");
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1 }), filter, fc.array(step), (names, filter, steps) => {
        const tree = treeOf(...names);
        const changed = new Set(steps.map((each) => each.name));
        const search = tree.search(filter);
        const found: string[] = [];
        let isMore = true;
        for (const { name, add } of steps) {
          isMore = search.next(1, (value) => found.push(value));
          if (add) tree.set(name, name);
          else tree.delete(name);
        }
        if (isMore) search.next(1000, (value) => found.push(value));
        const stayed = (each: string): boolean => !changed.has(each);
        expect(found.filter(stayed).sort()).toEqual(
          names.filter((each) => stayed(each) && matchTopic(filter, each)).sort(),
        );
      }),
      { numRuns: 2000 },
    );
  });

  test("has no nodes left over where names are deleted", () => {
    const tree = treeOf("a", "a/b/c", "a/b/d", "a/x/y", "b");
    const nodes = () => tree.match("#", () => {});
    expect(nodes()).toBe(6);
    tree.delete("a/b/d");
    expect(nodes()).toBe(4);
    tree.delete("a/x/y");
    tree.delete("a");
    expect(nodes()).toBe(2);
    tree.delete("a/b/c");
    tree.delete("b");
    expect(nodes()).toBe(0);
  });

  test("equals a list of names", () => {
    const level = fc.constantFrom("", "a", "b", "ab", "$a");
    const name = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("/"));
    const filter = fc
      .tuple(fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 5 }), fc.boolean())
      .map(([levels, hash]) => [...levels, ...(hash ? ["#"] : [])].join("/"));
    const step = fc.record({ name: name.filter((text) => text !== ""), add: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40, size: "max" }),
        fc.array(filter, { maxLength: 10 }),
        (steps, filters) => {
          const tree = new TopicTree<string>();
          const list = new Set<string>();
          for (const { name, add } of steps) {
            const previous = list.has(name) ? name : undefined;
            expect(add ? tree.set(name, name) : tree.delete(name)).toBe(previous);
            if (add) list.add(name);
            else list.delete(name);
            expect(tree.get(name)).toBe(add ? name : undefined);
          }
          expect(tree.size).toBe(list.size);
          expect([...tree.values()].sort()).toEqual([...list].sort());
          for (const filter of [...filters, "#", "+/#"]) {
            expect(matches(tree, filter)).toEqual(
              [...list].filter((name) => matchTopic(filter, name)).sort(),
            );
          }
          // No node without a value or a branch is left behind.
          const plain = [...list].filter((name) => !name.startsWith("$")).length;
          expect(tree.match("#", () => {})).toBeLessThanOrEqual(Math.max(0, 2 * plain - 1));
        },
      ),
      { numRuns: 500 },
    );
  });
});
