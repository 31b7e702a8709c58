import { describe, expect, test } from "vitest";
import { connectionOptions } from "./connection-options.ts";
import { extractProperties } from "./property-arguments.ts";

const extract = (...args: string[]): ReturnType<typeof extractProperties> =>
  extractProperties(args, connectionOptions);

test("properties are taken out, in order, and everything else stays", () => {
  const { rest, properties } = extract(
    ...[
      "-h",
      "host",
      "-D",
      "connect",
      "receive-maximum",
      "10",
      "-D",
      "PUBLISH",
      "user-property",
      "a",
      "-1",
      "--ws",
    ],
    ...[
      "--property",
      "publish",
      "user-property",
      "a",
      "2",
      "-D",
      "connect",
      "request-problem-information",
      "0",
    ],
  );
  expect(rest).toEqual(["-h", "host", "--ws"]);
  expect(properties.of("CONNECT")).toEqual({ receiveMaximum: 10, requestProblemInformation: false });
  expect(properties.of("PUBLISH")).toEqual({
    userProperties: [
      ["a", "-1"],
      ["a", "2"],
    ],
  });
  expect(properties.of("WILL")).toEqual({});
});

test("the value of another option is not taken for one", () => {
  expect(extract("-i", "-D", "-u", "name").rest).toEqual(["-i", "-D", "-u", "name"]);
});

describe("errors", () => {
  test.each([
    [["-D"], 'unknown packet ""; known are connect, will, publish, subscribe, unsubscribe, disconnect'],
    [["-D", "publsh", "a", "b"], 'unknown packet "publsh"; did you mean "publish"?'],
    [["-D", "publish", "content", "b"], 'unknown property "content"; did you mean "content-type"?'],
    // The broker's alone.
    [["-D", "publish", "subscription-identifier", "1"], 'unknown property "subscription-identifier"'],
    [["-D", "publish", "content-type"], "-D publish content-type needs a value"],
    [["-D", "publish", "user-property", "a"], "-D publish user-property needs a name and a value"],
    [["-D", "connect", "receive-maximum", "0"], "must be a whole number from 1 to 65535"],
    [["-D", "will", "will-delay-interval", "4294967296"], "must be a whole number from 0 to 4294967295"],
  ])("%j", (args, text) => {
    expect(() => extract(...args)).toThrow(text);
  });
});
