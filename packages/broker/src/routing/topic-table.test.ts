import { ProtocolError, ReasonCode } from "@dunlin/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Route } from "./route.ts";
import { TopicTable } from "./topic-table.ts";

const limits = { maximumCachedTopics: 1000, maximumTopicLength: 65_535, maximumTopicLevels: 128 };

function refusalOf(action: () => unknown): ProtocolError {
  try {
    action();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

function internBytes(table: TopicTable<object>, ...bytes: number[]) {
  return table.intern(Uint8Array.from(bytes), 0, bytes.length);
}

describe("TopicTable", () => {
  test("finds a topic by its bytes wherever they stand, and keeps a copy of them", () => {
    const table = new TopicTable(limits);
    const bytes = Buffer.from("xx site/température xx");
    const topic = table.intern(bytes, 3, bytes.length - 3);
    expect(topic.name).toBe("site/température");
    bytes.copyWithin(0, 3);
    expect(table.intern(bytes, 0, bytes.length - 6)).toBe(topic);
    bytes.fill(0);
    expect(table.internName("site/température")).toBe(topic);
    expect(table.size).toBe(1);
  });

  test("tells topics apart that differ in one byte or in length", () => {
    const table = new TopicTable<object>(limits);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 80, min: 0x30, max: 0x7a }),
        fc.nat(),
        (bytes, at) => {
          const topic = table.intern(bytes, 0, bytes.length);
          expect(topic.bytes).toEqual(bytes);
          const other = bytes.slice();
          other[at % bytes.length]! ^= 1;
          expect(table.intern(other, 0, other.length)).not.toBe(topic);
          if (bytes.length > 1) expect(table.intern(bytes, 1, bytes.length)).not.toBe(topic);
          expect(table.intern(bytes.slice(), 0, bytes.length).name).toBe(topic.name);
        },
      ),
    );
  });

  test("tells a name from the same one with null characters, which it refuses", () => {
    const table = new TopicTable<object>(limits);
    table.internName("abcde");
    expect(() => internBytes(table, 0x61, 0x62, 0x63, 0x64, 0, 0x65)).toThrow(ProtocolError);
    expect(() => internBytes(table, 0x61, 0x62, 0x63, 0x64, 0x65, 0)).toThrow(ProtocolError);
  });

  test("tells system topics", () => {
    const table = new TopicTable(limits);
    expect(table.internName("$SYS/uptime").isSystem).toBe(true);
    expect(table.internName("a/$SYS").isSystem).toBe(false);
  });

  test("refuses names that the protocol forbids, and does not keep them", () => {
    const table = new TopicTable<object>(limits);
    expect(refusalOf(() => internBytes(table, 0x61, 0xff)).reasonCode).toBe(ReasonCode.MalformedPacket);
    expect(refusalOf(() => internBytes(table, 0x61, 0)).reasonCode).toBe(ReasonCode.MalformedPacket);
    expect(refusalOf(() => internBytes(table)).reasonCode).toBe(ReasonCode.TopicNameInvalid);
    expect(refusalOf(() => internBytes(table, 0x61, 0x2f, 0x23)).reasonCode).toBe(
      ReasonCode.TopicNameInvalid,
    );
    for (const name of ["", "a/+", "a\u0000", "\ud800"]) {
      expect(refusalOf(() => table.internName(name)).reasonCode).toBe(ReasonCode.TopicNameInvalid);
    }
    expect(table.size).toBe(0);
  });

  test("names the limit that a name exceeds", () => {
    const table = new TopicTable({ maximumCachedTopics: 10, maximumTopicLength: 10, maximumTopicLevels: 3 });
    expect(table.internName("a/b/567890").name).toBe("a/b/567890");
    const tooLong = refusalOf(() => table.internName("a/b/5678901"));
    expect(tooLong.reasonCode).toBe(ReasonCode.TopicNameInvalid);
    expect(tooLong.message).toContain("maximumTopicLength is 10");
    const tooDeep = refusalOf(() => table.internName("a/b/c/"));
    expect(tooDeep.reasonCode).toBe(ReasonCode.TopicNameInvalid);
    expect(tooDeep.message).toContain("maximumTopicLevels is 3");
  });

  test("says where in the packet a bad name stands", () => {
    const packet = Uint8Array.from([0x30, 4, 0, 2, 0x61, 0x2b]);
    expect(refusalOf(() => new TopicTable(limits).intern(packet, 4, 6, 0)).offset).toBe(5);
  });

  test("evicts what has not been used, and takes its route", () => {
    const table = new TopicTable({ ...limits, maximumCachedTopics: 4 });
    const topics = ["a", "b", "c", "d"].map((name) => table.internName(name));
    const route = new Route([], []);
    for (const topic of topics) table.routes.keep(topic, route, 0);
    for (const name of ["a", "c", "d"]) table.internName(name);
    table.internName("e");
    expect(topics.map((topic) => topic.interned)).toEqual([true, false, true, true]);
    expect(topics[1]?.route).toBeUndefined();
    expect(topics[0]?.route).toBe(route);
    expect([table.size, table.routes.size, table.evictions]).toEqual([4, 3, 1]);
    expect(table.internName("b")).not.toBe(topics[1]);
  });

  test("finds room where every topic is in use", () => {
    const table = new TopicTable({ ...limits, maximumCachedTopics: 200 });
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 200; index++) table.internName(`t/${index}`);
    }
    expect(table.evictions).toBe(0);
    table.internName("new");
    expect([table.size, table.evictions]).toEqual([200, 1]);
  });

  test("holds few long names in the place of many short ones", () => {
    const table = new TopicTable({ ...limits, maximumCachedTopics: 1000 });
    const long = "x".repeat(60_000);
    for (let index = 0; index < 20; index++) table.internName(`${index}${long}`);
    // Each takes 240 kB of the 512 kB.
    expect(table.size).toBe(2);
    const tiny = new TopicTable({ ...limits, maximumCachedTopics: 1 });
    expect(tiny.internName(long).interned).toBe(true);
    expect(tiny.internName("short").interned).toBe(true);
    expect(tiny.size).toBe(1);
  });

  test("equals a Map, whatever is evicted", () => {
    const name = fc.integer({ min: 0, max: 60 }).map((number) => `topic/${number}`);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(name, { maxLength: 200 }), (maximum, names) => {
        const table = new TopicTable({ ...limits, maximumCachedTopics: maximum });
        const seen = new Map<string, ReturnType<typeof table.internName>>();
        for (const name of names) {
          const topic = table.internName(name);
          expect(topic.name).toBe(name);
          expect(topic.interned).toBe(true);
          const before = seen.get(name);
          if (before !== topic) expect(before?.interned ?? false).toBe(false);
          seen.set(name, topic);
        }
        const interned = [...seen.values()].filter((topic) => topic.interned);
        expect(interned.length).toBe(table.size);
        expect(table.size).toBeLessThanOrEqual(maximum);
      }),
    );
  });
});
