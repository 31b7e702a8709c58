import type { ByteStream } from "@dunlin/broker";
import { expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { createMemoryListener, createMemoryStreamPair } from "./memory-byte-stream.ts";

/** Starts `stream` and keeps a log of what its receiver is told. */
function logOf(stream: ByteStream): string[] {
  const log: string[] = [];
  stream.start({
    onBytes: (bytes, start, end) => log.push(Buffer.from(bytes.subarray(start, end)).toString()),
    onDrained: () => log.push("(drained)"),
    onClosed: (error) => log.push(error === undefined ? "(closed)" : `(${error.message})`),
  });
  return log;
}

function write(stream: ByteStream, text: string): boolean {
  const bytes = Buffer.from(`--${text}--`);
  const written = stream.write(bytes, 2, bytes.length - 2);
  bytes.fill(0);
  return written;
}

/** Lets every microtask run. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("what one end writes arrives at the other, in pieces of the given sizes", async () => {
  const { client, broker } = createMemoryStreamPair({ chunkSizes: [1, 3] });
  const log = logOf(broker);
  expect(write(client, "abcdef")).toBe(true);
  await settled();
  expect(log).toEqual(["a", "bcd", "e", "f"]);
});

test("end sends what was written, then both ends close", async () => {
  const { client, broker } = createMemoryStreamPair();
  const [clientLog, brokerLog] = [logOf(client), logOf(broker)];
  write(client, "last");
  client.end();
  write(client, "too late");
  await settled();
  expect(brokerLog).toEqual(["last", "(closed)"]);
  expect(clientLog).toEqual(["(closed)"]);
});

test("destroy and cut lose what is on its way", async () => {
  for (const [act, told] of [
    ["destroy", "(closed)"],
    ["cut", "(connection cut)"],
  ] as const) {
    const { client, broker } = createMemoryStreamPair();
    const [clientLog, brokerLog] = [logOf(client), logOf(broker)];
    write(client, "lost");
    client[act]();
    await settled();
    expect([clientLog, brokerLog]).toEqual([[told], [told]]);
  }
});

test("a slow reader makes write return false and onDrained follow", async () => {
  const { client, broker } = createMemoryStreamPair({ windowBytes: 4 });
  const log = logOf(broker);
  const received = logOf(client);
  client.pause();
  await settled();
  expect(write(broker, "1234")).toBe(true);
  expect(write(broker, "5")).toBe(false);
  expect(broker.writableLength).toBe(1);
  await settled();
  expect(log).toEqual([]);
  client.resume();
  await settled();
  expect(log).toEqual(["(drained)"]);
  expect(received).toEqual(["1234", "5"]);
});

test("latency and a held network delay bytes and keep their order", async () => {
  const clock = new FakeClock();
  const { client, broker } = createMemoryStreamPair({ clock, latencyMs: 10 });
  const log = logOf(broker);
  await settled();
  write(client, "a");
  clock.advance(5);
  write(client, "b");
  clock.advance(5);
  expect(log).toEqual(["a"]);
  broker.hold();
  clock.advance(5);
  expect(log).toEqual(["a"]);
  broker.release();
  await settled();
  expect(log).toEqual(["a", "b"]);
});

test("a memory listener hands its streams to the broker between start and stop", async () => {
  const listener = createMemoryListener({ name: "inside" });
  expect(() => listener.connect()).toThrow("not started");
  const streams: ByteStream[] = [];
  await listener.start((stream) => streams.push(stream));
  const log = logOf(listener.connect({ remoteAddress: "192.0.2.7" }));
  expect(streams[0]?.origin).toEqual({ transport: "memory", remoteAddress: "192.0.2.7", remotePort: 50_000 });
  expect(streams[0]?.listener).toBe(listener);
  write(streams[0] as ByteStream, "hello");
  await settled();
  expect(log).toEqual(["hello"]);
  await listener.stop();
  expect(() => listener.connect()).toThrow("not started");
});
