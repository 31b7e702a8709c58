import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  type Broker,
  createBroker,
  type Listener,
  type Logger,
  silentLogger,
  tcpListener,
  tlsListener,
  webSocketListener,
} from "@dunlin/broker";
import { createTestAuthority, missingOpenssl, skippedWithout } from "@dunlin/test-kit";
import { afterEach, describe, expect, test } from "vitest";

let broker: Broker;
let lines: object[];

async function start(listener: Listener, limits = {}): Promise<void> {
  lines = [];
  const note = (fields: object, message: string): void => void lines.push({ message, ...fields });
  const logger: Logger = { ...silentLogger, info: note, warn: note };
  broker = createBroker({ listeners: [listener], limits, logger });
  await broker.start();
}

async function open(): Promise<Socket> {
  const { hostname, port } = new URL(broker.listeners[0]?.url as string);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Sends `text`, and waits for the end of the connection. */
async function say(text: string): Promise<void> {
  const socket = await open();
  socket.resume().write(text, "latin1");
  await once(socket, "close");
}

async function lineOf(reason: RegExp): Promise<void> {
  while (lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toEqual([
    {
      message: "a connection failed before MQTT",
      remoteAddress: "127.0.0.1",
      listener: broker.listeners[0]?.name,
      reason: expect.stringMatching(reason),
    },
  ]);
  expect(broker.counters).toMatchObject({
    connectionsFailed: 1,
    connectionsAccepted: 0,
    connectionsRefused: 0,
  });
}

afterEach(() => broker.stop());

describe("a connection that fails before it can carry MQTT is logged and counted:", () => {
  test.each([
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP 404: There is nothing here/],
    ["GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP 426: /],
    [
      "GET /mqtt HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      /^HTTP 400: This is not/,
    ],
    ["\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0", /^HTTP 400: This is no HTTP/],
    [`GET /mqtt HTTP/1.1\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, /^HTTP 431: /],
  ])("HTTP %j", async (text, reason) => {
    await start(webSocketListener({ port: 0 }));
    await say(text);
    await lineOf(reason);
  });

  test("a PROXY header that is wrong", async () => {
    await start(tcpListener({ port: 0, proxyProtocol: true }));
    await say("PROXY TCP4 nowhere nowhere 1 2\r\n");
    await lineOf(/^PROXY header: an address is not one of TCP4/);
  });

  test("a TLS handshake that fails", skippedWithout(missingOpenssl()), async () => {
    const authority = createTestAuthority();
    const tls = authority.issue({ commonName: "localhost" });
    authority.remove();
    await start(tlsListener({ port: 0, tls }));
    await say("\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0");
    await lineOf(/^TLS: /);
  });

  test("a client that leaves", async () => {
    await start(tcpListener({ port: 0, proxyProtocol: true }));
    (await open()).end();
    await lineOf(/^the client left/);
  });
});

describe("what cannot become CONNECT is closed at its first bytes, with a line that says what it looks like:", () => {
  test.each([
    ["GET / HTTP/1.1\r\n", /this is HTTP: browsers connect to a listener of type websocket/],
    ["PRI * HTTP/2.0\r\n", /this is HTTP/],
    [
      "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
      /this is TLS: connect without it, or to a listener of type tls/,
    ],
    ["SSH-2.0-OpenSSH_9.2p1", /this is SSH/],
    ["PROXY TCP4 1.2.3.4 ", /this is a PROXY protocol header: set proxyProtocol/],
    ["\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", /this is a PROXY protocol header/],
    ["\x82", /^the first packet is not CONNECT$/],
    ["\0", /^the first packet is not CONNECT$/],
  ])("%j", async (text, reason) => {
    await start(tcpListener({ port: 0 }), { connectTimeoutMs: 60_000 });
    await say(text);
    expect(lines).toEqual([
      expect.objectContaining({
        message: "a client broke the protocol",
        clause: "MQTT-3.1.0-1",
        reason: expect.stringMatching(reason),
      }),
    ]);
    expect(broker.counters).toMatchObject({ connectionsFailed: 1, protocolErrors: 1 });
  });

  test("a CONNECT that comes byte by byte is no stranger", async () => {
    await start(tcpListener({ port: 0 }));
    const socket = await open();
    socket.setNoDelay(true);
    for (const byte of "\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01a") {
      socket.write(byte, "latin1");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const [connack] = await once(socket, "data");
    expect(connack.toString("hex")).toBe("20020000");
    socket.destroy();
  });
});

describe("the broker's own limits hold before MQTT begins, too:", () => {
  test("connectTimeoutMs", async () => {
    await start(webSocketListener({ port: 0 }), { connectTimeoutMs: 50 });
    await say("GET /mqtt HTTP/1.1\r\n");
    expect(broker.counters.limits.connectTimeoutMs).toBe(1);
    expect(lines).toEqual([expect.objectContaining({ limit: "connectTimeoutMs" })]);
  });

  test.each(["maximumConnections", "maximumConnectionsPerAddress"])("%s", async (limit) => {
    await start(webSocketListener({ port: 0 }), { [limit]: 2 });
    const first = [await open(), await open()];
    await say("");
    expect(broker.counters).toMatchObject({ connectionsRefused: 1, limits: { [limit]: 1 } });
    for (const socket of first) socket.destroy();
  });
});
