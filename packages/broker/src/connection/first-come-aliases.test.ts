import fc from "fast-check";
import { expect, test } from "vitest";
import { FirstComeAliases } from "./first-come-aliases.ts";

test("a client that remembers what it is told always knows the topic", () => {
  const send = fc.record({ topic: fc.constantFrom("a", "b", "c", "d", "e"), lost: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(send), (maximum, sends) => {
      const aliases = new FirstComeAliases(maximum);
      const known = new Map<number, string>();
      for (const { topic, lost } of sends) {
        const alias = aliases.aliasOf(topic);
        expect(Math.abs(alias)).toBeLessThanOrEqual(maximum);
        if (lost) aliases.forget(topic);
        else if (alias < 0) known.set(-alias, topic);
        else if (alias > 0) expect(known.get(alias)).toBe(topic);
        else expect(known.size).toBe(maximum);
      }
    }),
  );
});
