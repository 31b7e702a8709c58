import { describe, expect, test } from "vitest";
import { topicNameProblem, validateTopicNameBytes } from "./topic-name.ts";
import { encodeUtf8 } from "./utf8.ts";

describe("topicNameProblem", () => {
  test.each(["/", "a", "a/b", "$SYS/x", " ", "a//b"])("takes %s", (name) => {
    expect(topicNameProblem(name)).toBeUndefined();
  });

  test.each([
    ["", "is empty"],
    ["a/+", "holds a wildcard"],
    ["a#", "holds a wildcard"],
    ["a\0b", "holds the null character U+0000"],
    ["\udc00", "holds an unpaired surrogate"],
    ["x".repeat(65_536), "is longer than 65535 bytes"],
  ])("refuses %s", (name, problem) => expect(topicNameProblem(name)).toBe(problem));
});

describe("validateTopicNameBytes", () => {
  test("looks at its range alone", () => {
    const bytes = encodeUtf8("+a/\u00fc#");
    expect(() => validateTopicNameBytes(bytes, 1, bytes.length - 1)).not.toThrow();
  });

  test.each([
    ["", 0x90, 0],
    ["ab/+", 0x90, 3],
    ["a#", 0x90, 1],
    ["a\0", 0x81, 1],
  ])("refuses %j", (name, reasonCode, offset) => {
    const bytes = encodeUtf8(name);
    const error = expect.objectContaining({ reasonCode, offset, packet: "PUBLISH" });
    expect(() => validateTopicNameBytes(bytes, 0, bytes.length)).toThrow(error);
  });

  test("says where the error stands in the packet", () => {
    const error = expect.objectContaining({ offset: 5, packet: "CONNECT" });
    expect(() => validateTopicNameBytes(encodeUtf8("xxxxx+"), 3, 6, 0, "CONNECT")).toThrow(error);
  });
});
