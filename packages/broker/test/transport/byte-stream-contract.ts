import { randomBytes } from "node:crypto";
import type { ByteStream, Listener } from "@dunlin/broker";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ReceiverLog, StreamQueue, someTurns, writeText } from "./stream-log.ts";
import type { TestClient } from "./test-client.ts";

export interface Transport {
  readonly listener: Listener;
  connect(): Promise<TestClient>;
}

interface Connection {
  readonly client: TestClient;
  readonly stream: ByteStream;
  readonly log: ReceiverLog;
}

/** What every ByteStream promises, whatever it runs over. */
export function describeByteStream(title: string, createTransport: () => Transport): void {
  let transport: Transport;
  let streams: StreamQueue;

  const open = async (): Promise<Connection> => {
    const client = await transport.connect();
    const stream = await streams.next();
    const log = new ReceiverLog();
    stream.start(log);
    return { client, stream, log };
  };

  describe(title, () => {
    beforeEach(async () => {
      transport = createTransport();
      streams = new StreamQueue();
      await transport.listener.start(streams.accept);
    });
    afterEach(async () => {
      vi.useRealTimers();
      await transport.listener.stop();
    });

    testBytes(open);
    testBackpressure(open);
    testClosing(open);
    testAbruptClosing(open);

    test("a stopped listener accepts nobody, and its open streams go on", async () => {
      const { client, stream, log } = await open();
      await transport.listener.stop();
      await expect(transport.connect()).rejects.toThrow();
      client.write(Buffer.from("still"));
      await log.received(5);
      writeText(stream, "here");
      await client.log.received(4);
      client.destroy();
      await log.closed();
    });

    test("a client that goes before the stream is started is told at its start", async () => {
      const client = await transport.connect();
      const stream = await streams.next();
      client.write(Buffer.from("bye"));
      client.end();
      await someTurns();
      const log = new ReceiverLog();
      stream.start(log);
      await log.closed();
      expect(log.text).toBe("bye");
    });
  });
}

/** Writes `chunk` until nothing more fits into the buffers of both kernels; the number of bytes written. */
async function clog(stream: ByteStream, chunk: Buffer): Promise<number> {
  let written = 0;
  while (stream.writableLength < 2 * chunk.length) {
    stream.write(chunk, 0, chunk.length);
    written += chunk.length;
    await someTurns();
  }
  return written;
}

function testBytes(open: () => Promise<Connection>): void {
  test("bytes arrive in both directions, small and large", async () => {
    const { client, stream, log } = await open();
    const large = randomBytes(1024 * 1024);
    for (const byte of "abc") client.write(Buffer.from(byte));
    client.write(large);
    await log.received(3 + large.length);
    expect(log.bytes.equals(Buffer.concat([Buffer.from("abc"), large]))).toBe(true);
    writeText(stream, "xyz");
    stream.write(Buffer.concat([Buffer.from("--"), large]), 2, 2 + large.length);
    await client.log.received(3 + large.length);
    expect(client.log.bytes.equals(Buffer.concat([Buffer.from("xyz"), large]))).toBe(true);
    client.destroy();
    await log.closed();
  });

  test("a paused stream brings no bytes, and all of them once resumed", async () => {
    const { client, stream, log } = await open();
    stream.pause();
    client.write(Buffer.from("abc"));
    client.write(Buffer.from("def"));
    await someTurns();
    expect(log.text).toBe("");
    stream.resume();
    await log.received(6);
    expect(log.text).toBe("abcdef");
    client.destroy();
    await log.closed();
  });

  test("a stream that is paused while it brings bytes brings no more", async () => {
    const { client, stream, log } = await open();
    const onBytes = log.onBytes.bind(log);
    log.onBytes = (...bytes) => {
      onBytes(...bytes);
      stream.pause();
    };
    const size = 200_000;
    client.write(Buffer.alloc(size, 1));
    client.write(Buffer.from("2"));
    client.write(Buffer.from("3"));
    // Each resume brings one piece only.
    while (log.bytes.length < size + 2) {
      const before = log.pieces.length;
      await log.received(log.bytes.length + 1);
      await someTurns();
      expect(log.pieces.length).toBe(before + 1);
      stream.resume();
    }
    client.destroy();
    await log.closed();
  });
}

function testBackpressure(open: () => Promise<Connection>): void {
  test("a write that returned true needs its bytes no longer", async () => {
    const { client, stream, log } = await open();
    const bytes = Buffer.alloc(10);
    for (let count = 1; count <= 50; count++) {
      bytes.fill(count);
      if (stream.write(bytes, 0, bytes.length)) bytes.fill(0xff);
      else await log.drained(log.drains + 1);
    }
    await client.log.received(500);
    expect([...client.log.bytes]).toEqual(Array.from({ length: 500 }, (_, i) => Math.floor(i / 10) + 1));
    client.destroy();
    await log.closed();
  });

  test("a slow reader makes write return false; onDrained comes when it has read", async () => {
    const { client, stream, log } = await open();
    client.pause();
    const chunk = randomBytes(256 * 1024);
    const written = await clog(stream, chunk);
    const { drains } = log;
    expect(stream.write(chunk, 0, 1)).toBe(false);
    await someTurns();
    expect(log.drains).toBe(drains);
    client.resume();
    await log.drained(drains + 1);
    expect(stream.writableLength).toBe(0);
    await client.log.received(written + 1);
    for (let start = 0; start < written; start += chunk.length) {
      expect(client.log.bytes.subarray(start, start + chunk.length).equals(chunk)).toBe(true);
    }
    client.destroy();
    await log.closed();
  });
}

function testClosing(open: () => Promise<Connection>): void {
  test("end sends what was written, then closes; what comes later goes nowhere", async () => {
    const { client, stream, log } = await open();
    const large = randomBytes(4 * 1024 * 1024);
    stream.write(large, 0, large.length);
    stream.end();
    expect(writeText(stream, "too late")).toBe(true);
    stream.end();
    client.write(Buffer.from("not read"));
    await client.log.closed();
    expect(client.log.bytes.equals(large)).toBe(true);
    expect(await log.closed()).toBeUndefined();
    expect(log.text).toBe("");
    expect(writeText(stream, "much too late")).toBe(true);
    await someTurns();
    expect(stream.writableLength).toBe(0);
  });

  test("end does not wait for ever for a client that does not read", async () => {
    const { client, stream, log } = await open();
    client.pause();
    await clog(stream, Buffer.alloc(1024 * 1024));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    stream.end();
    vi.advanceTimersByTime(4900);
    await someTurns();
    expect(log.isClosed).toBe(false);
    vi.advanceTimersByTime(200);
    expect(await log.closed()).toBeUndefined();
    client.destroy();
  });

  test("end of a paused stream still closes", async () => {
    const { client, stream, log } = await open();
    stream.pause();
    client.write(Buffer.alloc(1000));
    stream.end();
    await client.log.closed();
    expect(await log.closed()).toBeUndefined();
    expect(log.text).toBe("");
  });
}

function testAbruptClosing(open: () => Promise<Connection>): void {
  test("destroy closes at once, and nothing follows", async () => {
    const { client, stream, log } = await open();
    client.pause();
    await clog(stream, Buffer.alloc(1024 * 1024));
    const { drains } = log;
    client.write(Buffer.from("unread"));
    stream.destroy();
    stream.destroy();
    stream.end();
    expect(log.isClosed).toBe(false);
    expect(await log.closed()).toBeUndefined();
    expect(log.text).toBe("");
    expect(log.drains).toBe(drains);
    client.resume();
    await client.log.closed();
  });

  test("a stream that is destroyed while it brings bytes brings no more", async () => {
    const { client, stream, log } = await open();
    const onBytes = log.onBytes.bind(log);
    log.onBytes = (...bytes) => {
      onBytes(...bytes);
      writeText(stream, "answer");
      stream.destroy();
      expect(writeText(stream, "too late")).toBe(true);
    };
    client.write(Buffer.alloc(1_000_000));
    await log.closed();
    expect(log.pieces).toHaveLength(1);
    await client.log.closed();
  });

  test("a client that closes is told once, after its bytes", async () => {
    const { client, log } = await open();
    client.write(Buffer.from("last words"));
    client.end();
    expect(await log.closed()).toBeUndefined();
    expect(log.text).toBe("last words");
    await someTurns();
  });

  test("a client that vanishes is told", async () => {
    const { client, stream, log } = await open();
    writeText(stream, "hello");
    client.destroy();
    await log.closed();
    expect(writeText(stream, "anyone?")).toBe(true);
  });
}
