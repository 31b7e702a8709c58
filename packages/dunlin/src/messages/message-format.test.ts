import type { PublishPacket } from "@dunlin/protocol";
import { describe, expect, test } from "vitest";
import { CommandError } from "../command-line/command-error.ts";
import { parseFormat } from "./message-format.ts";
import { createPrinter } from "./message-printer.ts";

const receivedAt = new Date("2026-01-31T08:20:00.042Z");

const message: PublishPacket = {
  type: "PUBLISH",
  topicName: "home/lamp",
  payload: Buffer.from('{"on":true}'),
  qos: 1,
  retain: true,
  dup: false,
  packetIdentifier: 9,
  properties: {
    contentType: "application/json",
    correlationData: Buffer.from("c"),
    userProperties: [
      ["k", "1"],
      ["k", "2"],
    ],
  },
};

function format(text: string, changes: Partial<PublishPacket> = {}): string {
  return parseFormat(text)({ ...message, ...changes }, receivedAt).toString("latin1");
}

// The expectations are what mosquitto_sub 2.0.11 prints.
describe("as mosquitto_sub", () => {
  test.each([
    ["%t %p", 'home/lamp {"on":true}'],
    ["%q %r %m %l", "1 1 9 11"],
    ["%5l|%-5l|%05l", "   11|11   |00011"],
    ["%12t|%-12t|%.4t|%6.4t", "   home/lamp|home/lamp   |home|  home"],
    ["%C|%D|%P|%R|%E|%F|%S|%A", "application/json|c|k:1 k:2|||||"],
    ["%15p|%-15p|%4p|%4x", '    {"on":true}|{"on":true}    |{"on|7b22'],
    ["%U", "1769847600.042000000"],
    ["100%%\\n\\t\\\\\\e", "100%\n\t\\\x1b"],
  ])("%s", (text, printed) => {
    expect(format(text)).toBe(printed);
  });

  test("%x and %X are the payload in hex, %p its bytes", () => {
    expect(format("%x %X %p", { payload: Uint8Array.of(0xab, 0) })).toBe("ab00 AB00 \xab\0");
  });

  test("%I is the local time with its zone", () => {
    expect(format("%I")).toMatch(/^2026-01-3\dT\d\d:[25]0:00[+-]\d{4}$/);
  });

  test("%j has the payload as text, %J as JSON", () => {
    expect(JSON.parse(format("%j"))).toMatchObject({
      topic: "home/lamp",
      mid: 9,
      retain: 1,
      payload: '{"on":true}',
    });
    expect(JSON.parse(format("%J"))).toMatchObject({
      payloadlen: 11,
      payload: { on: true },
      properties: { "content-type": "application/json", "user-properties": { k: "2" } },
    });
    expect(JSON.parse(format("%J", { payload: new Uint8Array(0) }))).toMatchObject({ payload: null });
  });

  test("%J says which topic is no JSON", () => {
    expect(() => format("%J", { payload: Buffer.from("on") })).toThrow(
      "the payload of home/lamp is not JSON",
    );
  });
});

test.each(["%z", "%", "%-5", "\\q", "\\"])("%j is no format", (text) => {
  expect(() => parseFormat(text)).toThrow(CommandError);
});

test.each([
  [{ output: "text", isVerbose: true, endOfLine: "\n" }, 'home/lamp {"on":true}\n'],
  [{ output: "hex", isVerbose: false, endOfLine: "" }, "7b226f6e223a747275657d"],
  [{ output: "json", isVerbose: true, endOfLine: "\n", format: "%t" }, "home/lamp\n"],
] as const)("%j", (options, printed) => {
  expect(createPrinter({ format: undefined, ...options })(message, receivedAt).toString()).toBe(printed);
});
