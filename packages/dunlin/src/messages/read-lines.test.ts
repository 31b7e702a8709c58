import fc from "fast-check";
import { expect, test } from "vitest";
import { readLines } from "./read-lines.ts";

async function linesOf(chunks: readonly Buffer[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(
    (async function* () {
      yield* chunks;
    })(),
  ))
    lines.push(line.toString("latin1"));
  return lines;
}

test.each([
  ["", []],
  ["\n", [""]],
  ["a", ["a"]],
  ["a\n", ["a"]],
  ["a\r\n\r\nb\n", ["a", "", "b"]],
  ["\xff\n\0", ["\xff", "\0"]],
])("%j", async (text, lines) => {
  expect(await linesOf([Buffer.from(text, "latin1")])).toEqual(lines);
});

test("wherever the bytes are split", async () => {
  const piece = fc.constantFrom("a", "\n", "\r\n", "bc", "\r");
  await fc.assert(
    fc.asyncProperty(fc.array(piece), async (pieces) => {
      const whole = await linesOf([Buffer.from(pieces.join(""))]);
      expect(await linesOf(pieces.flatMap((text) => [...text].map((byte) => Buffer.from(byte))))).toEqual(
        whole,
      );
    }),
  );
});
