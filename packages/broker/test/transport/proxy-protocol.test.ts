import { once } from "node:events";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ByteStream, type Listener, tcpListener, tlsListener, webSocketListener } from "@dunlin/broker";
import { createTestAuthority, missingOpenssl, skippedWithout } from "@dunlin/test-kit";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ReceiverLog, StreamQueue, someTurns, writeText } from "./stream-log.ts";
import { connectTcp } from "./test-client.ts";

const VERSION_1 = "PROXY TCP4 203.0.113.7 198.51.100.2 40000 1883\r\n";
const VERSION_2 = Buffer.from("0d0a0d0a000d0a515549540a2111000fcb007107c63364029c40075b040000", "hex");
const LOCAL = Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex");
const FROM_HEADER = { remoteAddress: "203.0.113.7", remotePort: 40_000 };

let listener: Listener;
let streams: StreamQueue;

async function start(created: Listener): Promise<void> {
  listener = created;
  streams = new StreamQueue();
  await listener.start(streams.accept);
}

/** Sends `bytes` so that each arrives on its own. */
async function writeSlowly(client: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    client.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function logOf(stream: ByteStream): Promise<ReceiverLog> {
  const log = new ReceiverLog();
  stream.start(log);
  return log;
}

afterEach(() => listener.stop());

test.each([
  ["version 1", Buffer.from(VERSION_1)],
  ["version 2", VERSION_2],
])(
  "the address comes from a header of %s, whole or in pieces, and no byte after it is lost",
  async (_, header) => {
    await start(tcpListener({ port: 0, proxyProtocol: true }));
    for (const pace of ["at once", "slowly"]) {
      const client = await connectTcp(listener.url);
      client.setNoDelay(true);
      const bytes = Buffer.concat([header, Buffer.from("CONNECT")]);
      if (pace === "at once") client.write(bytes);
      else await writeSlowly(client, bytes);
      const stream = await streams.next();
      expect(stream.origin).toEqual({ transport: "tcp", ...FROM_HEADER });
      const log = await logOf(stream);
      await log.received(7);
      client.write(" and more");
      await log.received(16);
      expect(log.text).toBe("CONNECT and more");
      writeText(stream, "CONNACK");
      expect(String((await once(client, "data"))[0])).toBe("CONNACK");
      client.end();
      expect(await log.closed()).toBeUndefined();
    }
  },
);

test("the proxy's own connections keep its address", async () => {
  await start(tcpListener({ port: 0, proxyProtocol: true }));
  for (const header of [LOCAL, Buffer.from("PROXY UNKNOWN\r\n")]) {
    const client = await connectTcp(listener.url);
    client.write(header);
    const { origin } = await streams.next();
    expect(origin).toEqual({ transport: "tcp", remoteAddress: "127.0.0.1", remotePort: client.localPort });
    client.destroy();
  }
});

test.each([
  ["no header", Buffer.from([0x10, 0x0c])],
  ["a header that never ends", Buffer.from(`PROXY UNKNOWN ${"x".repeat(200)}`)],
  ["a header of 64 KiB", Buffer.from("0d0a0d0a000d0a515549540a2111ffff", "hex")],
])("a connection with %s is closed", async (_, bytes) => {
  await start(tcpListener({ port: 0, proxyProtocol: true }));
  const client = await connectTcp(listener.url);
  client.on("error", () => {}).resume();
  client.write(bytes);
  await once(client, "close");
  expect(streams.length).toBe(0);
});

test("a header must be complete in time", async () => {
  await start(tcpListener({ port: 0, proxyProtocol: true, limits: { connectTimeoutMs: 50 } }));
  const slow = await connectTcp(listener.url);
  slow.resume().write("PROXY TCP4 203.0.113.7");
  const quick = await connectTcp(listener.url);
  quick.write(VERSION_1);
  const log = await logOf(await streams.next());
  await once(slow, "close");
  expect(log.isClosed).toBe(false);
  quick.destroy();
});

test("a client that leaves before the header is complete is forgotten", async () => {
  await start(tcpListener({ port: 0, proxyProtocol: true, limits: { maximumConnections: 1 } }));
  for (let count = 0; count < 3; count++) {
    const client = await connectTcp(listener.url);
    client.write("PROXY ");
    client.resume().end();
    await once(client, "close");
    await someTurns();
  }
  const client = await connectTcp(listener.url);
  client.write(VERSION_1);
  await streams.next();
  client.destroy();
});

test("without being asked for, a header is bytes like any", async () => {
  await start(tcpListener({ port: 0 }));
  const client = await connectTcp(listener.url);
  client.write(VERSION_1);
  const stream = await streams.next();
  expect(stream.origin.remoteAddress).toBe("127.0.0.1");
  const log = await logOf(stream);
  await log.received(VERSION_1.length);
  expect(log.text).toBe(VERSION_1);
  client.destroy();
});

test("a WebSocket may follow, in the same segment", async () => {
  await start(webSocketListener({ port: 0, proxyProtocol: true }));
  const socket = await connectTcp(listener.url);
  socket.cork();
  socket.write(VERSION_2);
  const client = new WebSocket(listener.url, ["mqtt"], { createConnection: () => socket });
  socket.uncork();
  await once(client, "open");
  const stream = await streams.next();
  expect(stream.origin).toEqual({ transport: "ws", ...FROM_HEADER });
  const log = await logOf(stream);
  client.send(Buffer.from("hello"));
  await log.received(5);
  client.terminate();
});

test(
  "TLS comes after the header, also over WebSocket, with the first bytes at once",
  skippedWithout(missingOpenssl()),
  async () => {
    const authority = createTestAuthority();
    const tls = authority.issue({ commonName: "localhost" });
    authority.remove();
    const kinds = [
      [tlsListener({ port: 0, proxyProtocol: true, tls }), "tls"],
      [webSocketListener({ port: 0, proxyProtocol: true, tls }), "wss"],
    ] as const;
    for (const [created, transport] of kinds) {
      await start(created);
      const socket = await connectTcp(listener.url);
      socket.cork();
      socket.write(VERSION_1);
      const secure = connectTls({ socket, ca: authority.cert, host: "127.0.0.1" });
      process.nextTick(() => socket.uncork());
      await once(secure, "secureConnect");
      if (transport === "wss") {
        const client = new WebSocket(listener.url, ["mqtt"], { createConnection: () => secure });
        await once(client, "open");
        client.send(Buffer.from("hello"));
      } else secure.write("hello");
      const stream = await streams.next();
      expect(stream.origin).toMatchObject({ transport, ...FROM_HEADER, tls: { protocol: "TLSv1.3" } });
      await (await logOf(stream)).received(5);
      secure.destroy();
      await listener.stop();
    }
  },
);
