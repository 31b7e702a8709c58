import { usageError } from "../command-line/command-error.ts";

/** A longer line could not be the payload of any packet. */
const MAXIMUM_LINE_BYTES = 268_435_455;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The lines of a byte stream, as bytes and without their ends; the last one need not have one. */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield line([...pieces, chunk.subarray(start, end)]);
      pieces = [];
      size = 0;
      start = end + 1;
    }
    pieces.push(chunk.subarray(start));
    size += chunk.length - start;
    if (size > MAXIMUM_LINE_BYTES) throw usageError("a line of the input is too long for MQTT");
  }
  if (size > 0) yield line(pieces);
}

function line(pieces: readonly Buffer[]): Buffer {
  const whole = Buffer.concat(pieces);
  return whole.at(-1) === CARRIAGE_RETURN ? whole.subarray(0, -1) : whole;
}
