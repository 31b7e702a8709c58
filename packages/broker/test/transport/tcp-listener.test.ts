import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ByteStream, type Listener, tcpListener } from "@dunlin/broker";
import { skippedWithout } from "@dunlin/test-kit";
import { afterEach, expect, test } from "vitest";
import { ReceiverLog, StreamQueue, someTurns, writeText } from "./stream-log.ts";
import { connectTcp } from "./test-client.ts";

const started: Listener[] = [];
const clients: Socket[] = [];

async function start(listener: Listener): Promise<StreamQueue> {
  const streams = new StreamQueue();
  await listener.start(streams.accept);
  started.push(listener);
  return streams;
}

async function connect(listener: Listener): Promise<Socket> {
  const client = await connectTcp(listener.url);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const listener of started.splice(0)) await listener.stop();
});

test("a listener has a name, limits, and once started the port it was given", async () => {
  const limits = { maximumConnections: 3 };
  expect(tcpListener()).toMatchObject({ name: "tcp:1883", url: "mqtt://127.0.0.1:1883", limits: {} });
  const listener = tcpListener({ name: "inside", port: 0, limits });
  expect(listener).toMatchObject({ name: "inside", limits });
  await start(listener);
  expect(listener.url).toMatch(/^mqtt:\/\/127\.0\.0\.1:[1-9]\d*$/);
});

test("a stream knows its listener and where it comes from", async () => {
  const listener = tcpListener({ port: 0 });
  const streams = await start(listener);
  const client = await connect(listener);
  const stream = await streams.next();
  expect(stream.listener).toBe(listener);
  expect(stream.origin).toEqual({
    transport: "tcp",
    remoteAddress: "127.0.0.1",
    remotePort: client.localPort,
  });
});

// Fails where Node no longer has what stream-handle.ts needs: all works then, but slower and with more memory.
test("all connections of a listener read into one buffer", async () => {
  const listener = tcpListener({ port: 0 });
  const streams = await start(listener);
  const read: { stream: ByteStream; buffer: ArrayBufferLike; text: string }[] = [];
  for (const text of ["first", "second"]) {
    const client = await connect(listener);
    const stream = await streams.next();
    const log = new ReceiverLog();
    log.onBytes = (bytes, start, end) => {
      read.push({ stream, buffer: bytes.buffer, text: Buffer.from(bytes.subarray(start, end)).toString() });
      ReceiverLog.prototype.onBytes.call(log, bytes, start, end);
    };
    stream.start(log);
    client.write(text);
    await log.received(text.length);
  }
  expect(read.map(({ text }) => text)).toEqual(["first", "second"]);
  expect(read[0]?.buffer).toBe(read[1]?.buffer);
  expect(read[0]?.buffer.byteLength).toBe(131_072);
});

const program = fileURLToPath(new URL("accepting-child.ts", import.meta.url));

async function accept(...flags: string[]): Promise<{ stdout: string; stderr: string }> {
  const args = [...flags, "--conditions=x-source", "--import", "tsx", program];
  const { NODE_OPTIONS: _, ...env } = process.env;
  return promisify(execFile)(process.execPath, args, { env });
}

test("Node's warnings of what it may take away neither show nor end the process", async () => {
  const { stdout, stderr } = await accept("--pending-deprecation", "--throw-deprecation");
  expect({ stdout, stderr }).toEqual({ stdout: "without a socket\n", stderr: "" });
});

test("where Node does not give what that needs, as under its permission model, sockets serve", async () => {
  const name = process.allowedNodeEnvironmentFlags.has("--permission")
    ? "--permission"
    : "--experimental-permission";
  const { stdout } = await accept(
    name,
    "--allow-fs-read=*",
    "--allow-fs-write=*",
    "--allow-worker",
    "--allow-child-process",
  );
  expect(stdout).toBe("with a socket\n");
});

test("what a client said before it reset the connection is read, though nothing can be written", async () => {
  const listener = tcpListener({ port: 0 });
  const streams = await start(listener);
  const client = await connect(listener);
  const stream = await streams.next();
  const log = new ReceiverLog();
  stream.start(log);
  stream.pause();
  client.write("last words");
  await someTurns();
  client.resetAndDestroy();
  await once(client, "close");
  writeText(stream, "anyone?");
  await someTurns();
  expect(log.isClosed).toBe(false);
  stream.resume();
  expect(await log.closed()).toMatchObject({ message: expect.stringMatching(/^write E/) });
  expect(log.text).toBe("last words");
});

test("a client that closes only its own side is sent the rest", async () => {
  const listener = tcpListener({ port: 0 });
  const streams = await start(listener);
  const { port } = new URL(listener.url);
  const client = connectSocket({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true });
  clients.push(client);
  const stream = await streams.next();
  const log = new ReceiverLog();
  stream.start(log);
  const large = Buffer.alloc(16 * 1024 * 1024, "x");
  expect(stream.write(large, 0, large.length)).toBe(false);
  client.end("bye");
  await log.received(3);
  let received = 0;
  for await (const chunk of client) received += (chunk as Buffer).length;
  expect(received).toBe(large.length);
  expect(await log.closed()).toBeUndefined();
});

test("a client that resets the connection is an error of that stream", async () => {
  const listener = tcpListener({ port: 0 });
  const streams = await start(listener);
  const client = await connect(listener);
  const log = new ReceiverLog();
  (await streams.next()).start(log);
  client.resetAndDestroy();
  expect(await log.closed()).toMatchObject({ code: "ECONNRESET" });
});

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

test(
  "IPv6 addresses stand in brackets; IPv4 ones are shown as such",
  skippedWithout(hasIPv6 ? undefined : "no IPv6 here"),
  async () => {
    const listener = tcpListener({ host: "::", port: 0 });
    const streams = await start(listener);
    expect(listener.url).toMatch(/^mqtt:\/\/\[::\]:\d+$/);
    const { port } = new URL(listener.url);
    for (const host of ["127.0.0.1", "[::1]"]) {
      clients.push(await connectTcp(`mqtt://${host}:${port}`));
      expect((await streams.next()).origin.remoteAddress).toBe(host.replace(/[[\]]/g, ""));
    }
  },
);

test("a port in use is named, with the remedy", async () => {
  const first = tcpListener({ port: 0 });
  await start(first);
  const port = Number(new URL(first.url).port);
  const second = tcpListener({ name: "second", port });
  await expect(second.start(() => {})).rejects.toMatchObject({
    name: "BrokerError",
    code: "DUNLIN_LISTEN",
    message: `listener "second": cannot listen on 127.0.0.1:${port}: the port is in use by another program or listener; stop that one or choose another port`,
    cause: { code: "EADDRINUSE" },
  });
  // It can be started once the port is free.
  await first.stop();
  await start(second);
});

test.each([
  ["192.0.2.1", "this machine has no such address"],
  ["no such host", "the host name cannot be resolved"],
])("host %s cannot be listened on", async (host, reason) => {
  const failure = tcpListener({ host, port: 0 }).start(() => {});
  await expect(failure).rejects.toMatchObject({
    code: "DUNLIN_LISTEN",
    message: expect.stringMatching(
      new RegExp(`^listener "tcp:0": cannot listen on ${host}:0: ${reason}.*; `),
    ),
  });
});

test("a privileged port is refused", async (context) => {
  context.skip(process.platform !== "linux" || process.getuid?.() === 0, "root may listen on any port");
  await expect(tcpListener({ port: 80 }).start(() => {})).rejects.toMatchObject({
    code: "DUNLIN_LISTEN",
    message: expect.stringContaining("choose a port of 1024 or more"),
  });
});

test("options that cannot be are refused at once", () => {
  for (const port of [-1, 65_536, 1.5, Number.NaN]) {
    expect(() => tcpListener({ port })).toThrow(expect.objectContaining({ code: "DUNLIN_OPTION" }));
  }
  expect(() => tcpListener({ host: "" })).toThrow("its host is empty");
});

test("a listener is started once, and again after stop, on the same port", async () => {
  const listener = tcpListener({ port: 0 });
  await start(listener);
  const { url } = listener;
  await expect(listener.start(() => {})).rejects.toMatchObject({ code: "DUNLIN_STATE" });
  await listener.stop();
  await listener.stop();
  const streams = await start(listener);
  expect(listener.url).toBe(url);
  await connect(listener);
  await streams.next();
});

test("a listener stopped while it starts does not listen", async () => {
  const listener = tcpListener({ host: "localhost", port: 0 });
  const starting = listener.start(() => {});
  await listener.stop();
  await expect(starting).rejects.toMatchObject({ code: "DUNLIN_STATE" });
});
