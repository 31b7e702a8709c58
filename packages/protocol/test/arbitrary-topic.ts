import fc from "fast-check";

export const arbitraryBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 40 });

/** Text that a UTF-8 Encoded String can hold: any characters but U+0000. */
export const arbitraryText: fc.Arbitrary<string> = fc
  .oneof(fc.string({ maxLength: 30 }), fc.string({ unit: "binary", maxLength: 30 }))
  .map((text) => text.replaceAll("\0", "0"));

/** A level of a topic: mostly from a few short ones, so that filters and names meet. */
const arbitraryLevel: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("", "a", "b", "ab", "$SYS", "$share", "\u00fc") },
  { weight: 1, arbitrary: arbitraryText.map((text) => text.replaceAll(/[+#/]/g, "_")) },
);

export const arbitraryTopicName: fc.Arbitrary<string> = fc
  .array(arbitraryLevel, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join("/"))
  .filter((name) => name.length > 0);

/** A valid Topic Filter that is no Shared Subscription's. */
export const arbitraryPlainFilter: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(fc.oneof(arbitraryLevel, fc.constant("+")), { maxLength: 4 }),
    fc.constantFrom([], ["#"], ["+"], ["a"], [""]),
  )
  .map(([levels, last]) => [...levels, ...last].join("/"))
  .filter((filter) => filter.length > 0 && !filter.startsWith("$share/"));

/** A valid Topic Filter, sometimes of a Shared Subscription. */
export const arbitraryTopicFilter: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: arbitraryPlainFilter },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("g", "group-2", "\u00fc"), arbitraryPlainFilter)
      .map(([shareName, filter]) => `$share/${shareName}/${filter}`),
  },
);
