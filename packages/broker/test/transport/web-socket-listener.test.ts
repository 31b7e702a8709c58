import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  type ByteStream,
  defaultLimits,
  type ListenerHost,
  type RefusedConnection,
  type TlsListener,
  type WebSocketListenerOptions,
  webSocketListener,
} from "@dunlin/broker";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ReceiverLog, StreamQueue, someTurns, writeText } from "./stream-log.ts";
import { connectTcp, connectWebSocket } from "./test-client.ts";

let listener: TlsListener;
let streams: StreamQueue;

async function start(options: WebSocketListenerOptions = {}, host?: ListenerHost): Promise<void> {
  listener = webSocketListener({ port: 0, ...options });
  streams = new StreamQueue();
  await listener.start(streams.accept, host);
}

async function open(): Promise<{ client: WebSocket; stream: ByteStream; log: ReceiverLog }> {
  const client = await connectWebSocket(listener.url);
  client.on("error", () => {});
  const stream = await streams.next();
  const log = new ReceiverLog();
  stream.start(log);
  return { client, stream, log };
}

/** What the server answers that does not upgrade. */
async function refusal(subprotocols: string[], path = "/mqtt", origin?: string): Promise<string> {
  const url = listener.url.replace("/mqtt", path);
  const client = new WebSocket(url, subprotocols, origin === undefined ? {} : { origin });
  client.on("error", () => {});
  const [, response] = (await once(client, "unexpected-response")) as [unknown, IncomingMessage];
  return answer(response);
}

async function answer(response: IncomingMessage): Promise<string> {
  expect(response.headers["content-type"]).toBe("text/plain; charset=utf-8");
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return `${response.statusCode} ${body}`;
}

const HEAD = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

/** A WebSocket of which we see every byte. */
async function openRaw(): Promise<{ socket: Socket; stream: ByteStream; log: ReceiverLog }> {
  const socket = await connectTcp(listener.url);
  socket.setNoDelay(true);
  socket.write(
    `${HEAD}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
  );
  expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/);
  const log = new ReceiverLog();
  const stream = await streams.next();
  stream.start(log);
  return { socket, stream, log };
}

/** A frame of RFC 6455, 5.2. */
function frame(payload: Buffer, opcode: number, fin = true, masked = true): Buffer {
  const mask = masked ? [0x12, 0x34, 0x56, 0x78] : [];
  const maskBit = masked ? 0x80 : 0;
  const { length } = payload;
  const size = length < 126 ? [maskBit | length] : [maskBit | 126, length >> 8, length & 0xff];
  const body = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...size, ...mask]), body]);
}

const [CONTINUATION, BINARY, PING] = [0x00, 0x02, 0x09];

afterEach(() => listener.stop());

describe("the upgrade", () => {
  test("selects mqtt, or for old clients mqttv3.1", async () => {
    await start();
    expect(listener).toMatchObject({
      name: "ws:0",
      url: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+\/mqtt$/),
    });
    const offers: [string[], string][] = [
      [["mqtt"], "mqtt"],
      [["chat", "mqttv3.1", "mqtt"], "mqtt"],
      [["chat", "mqttv3.1"], "mqttv3.1"],
    ];
    for (const [offered, selected] of offers) {
      const client = new WebSocket(listener.url, offered);
      await once(client, "open");
      expect(client.protocol).toBe(selected);
      expect(client.extensions).toBe("");
      expect((await streams.next()).origin).toMatchObject({ transport: "ws", remoteAddress: "127.0.0.1" });
      client.terminate();
    }
  });

  test("is refused without a subprotocol that stands for MQTT", async () => {
    await start();
    expect(await refusal([])).toBe("400 You offer no WebSocket subprotocol; offer the subprotocol mqtt.\n");
    expect(await refusal(["chat", "MQTT"])).toMatch(/^400 You offer other WebSocket subprotocols only; /);
    expect(streams.length).toBe(0);
  });

  test("is refused on any other path, whatever the query", async () => {
    await start();
    expect(await refusal(["mqtt"], "/")).toBe("404 There is nothing here; MQTT is at /mqtt.\n");
    expect(await refusal(["mqtt"], "/mqtt/more?x=/mqtt")).toMatch(/^404 /);
    const client = await connectWebSocket(`${listener.url}?token=1`);
    client.terminate();
  });

  test("is refused to pages of other origins where those allowed are named", async () => {
    await start({ allowedOrigins: ["https://example.org"] });
    expect(await refusal(["mqtt"], "/mqtt", "https://example.com")).toMatch(/^403 Pages of this origin/);
    for (const options of [{ origin: "https://example.org" }, {}]) {
      (await connectWebSocket(listener.url, options)).terminate();
    }
  });

  test("is asked of plain HTTP requests", async () => {
    await start();
    const url = listener.url.replace("ws:", "http:");
    const [atPath] = (await once(get(url), "response")) as [IncomingMessage];
    expect(atPath.headers.upgrade).toBe("websocket");
    expect(await answer(atPath)).toMatch(/^426 This is an MQTT broker; connect with a WebSocket/);
    const [elsewhere] = (await once(get(url.replace("mqtt", "")), "response")) as [IncomingMessage];
    expect(await answer(elsewhere)).toBe("404 There is nothing here; MQTT is at /mqtt.\n");
  });

  test("once refused, leaves no connection behind when the client closes", async () => {
    let refused: (refusal: RefusedConnection) => void = () => {};
    const refusal = new Promise<RefusedConnection>((resolve) => {
      refused = resolve;
    });
    await start({}, { limits: { ...defaultLimits, connectTimeoutMs: 60_000 }, onRefused: refused });
    const socket = await connectTcp(listener.url);
    socket.write(`${HEAD}Sec-WebSocket-Version: 12\r\n\r\n`);
    socket.once("data", () => socket.end("what nobody reads"));
    expect((await refusal).reason).toMatch("HTTP 400");
  });

  test("must come in time", async () => {
    await start({ limits: { connectTimeoutMs: 50 } });
    const { log, client } = await open();
    const slow = await connectTcp(listener.url);
    slow.resume().write("GET /mqtt HTTP/1.1\r\n");
    await once(slow, "close");
    expect(log.isClosed).toBe(false);
    client.terminate();
  });
});

describe("frames", () => {
  test("split anywhere, in fragments and in segments, are but bytes", async () => {
    await start();
    const { socket, log } = await openRaw();
    const bytes = Buffer.concat([
      frame(Buffer.from("a"), BINARY, false),
      frame(Buffer.from("bcd"), CONTINUATION, false),
      frame(Buffer.from("ping"), PING),
      frame(Buffer.alloc(0), CONTINUATION),
      frame(Buffer.alloc(0), BINARY),
      frame(Buffer.alloc(300, "e"), BINARY),
    ]);
    for (const byte of bytes) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.received(304);
    expect(log.text).toBe(`abcd${"e".repeat(300)}`);
    socket.destroy();
  });

  test("a ping is answered", async () => {
    await start();
    const { client } = await open();
    client.ping("are you there?");
    expect(String((await once(client, "pong"))[0])).toBe("are you there?");
    client.terminate();
  });

  test("of many pings at once the last is answered", async () => {
    await start();
    const { socket, log } = await openRaw();
    const pings = Array.from({ length: 1000 }, (_, index) => frame(Buffer.from(String(index)), PING));
    let answers = "";
    socket.on("data", (chunk: Buffer) => {
      answers += chunk.toString("latin1");
    });
    socket.write(Buffer.concat([...pings, frame(Buffer.from("end"), BINARY)]));
    await log.received(3);
    while (!answers.endsWith("\x8a\x03999")) await once(socket, "data");
    // A pong for each read, of which there may be a few.
    expect(answers.length).toBeLessThan(100);
    socket.destroy();
  });

  test("each write goes out as one binary frame", async () => {
    await start();
    const { client, stream } = await open();
    const frames: [string, boolean][] = [];
    client.on("message", (data, isBinary) => frames.push([String(data), isBinary]));
    writeText(stream, "one");
    writeText(stream, "two");
    stream.end();
    await once(client, "close");
    expect(frames).toEqual([
      ["one", true],
      ["two", true],
    ]);
  });

  test("a text frame closes the connection", async () => {
    await start();
    const { client, log } = await open();
    client.send("text");
    client.send(Buffer.from("not read"));
    const [code, reason] = await once(client, "close");
    expect([code, String(reason)]).toEqual([1003, "MQTT goes in binary frames"]);
    expect(await log.closed()).toMatchObject({
      code: "DUNLIN_TRANSPORT",
      message: expect.stringMatching("MQTT goes in binary frames"),
    });
    expect(log.text).toBe("");
  });

  test("a frame may be of any length: what has come of it goes on at once", async () => {
    await start();
    const { socket, log } = await openRaw();
    const header = Buffer.from("82ff001fffffffffffff00000000", "hex");
    socket.write(Buffer.concat([header, Buffer.alloc(1000, "a")]));
    await log.received(1000);
    socket.write(Buffer.alloc(500, "b"));
    await log.received(1500);
    expect(log.text).toBe(`${"a".repeat(1000)}${"b".repeat(500)}`);
    socket.destroy();
  });

  test.each([
    ["a reserved bit", "f100", 1002],
    ["an unknown opcode", "8380", 1002],
    ["a length that cannot be", "82ff002000000000000000000000", 1009],
    ["a close with a code that is never sent", "88820000000003ed", 1002],
    ["a control frame in fragments", "0980", 1002],
    ["a control frame that is too long", "89fe", 1002],
    ["a continuation of nothing", "8080", 1002],
    ["a message within a message", "028000000000028000000000", 1002],
  ])("%s closes the connection", async (_what, bytes, code) => {
    await start();
    const { socket, log } = await openRaw();
    socket.write(Buffer.from(bytes, "hex"));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect([answer[0], answer.readUInt16BE(2)]).toEqual([0x88, code]);
    expect(await log.closed()).toMatchObject({ code: "DUNLIN_TRANSPORT" });
    socket.destroy();
  });

  test("a client that does not read its pongs gets no more of them", async () => {
    await start();
    const { socket, stream, log } = await openRaw();
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame(Buffer.alloc(125), PING)));
    for (let round = 0; round < 10; round++) {
      socket.write(pings);
      await someTurns();
    }
    socket.write(frame(Buffer.from("end"), BINARY));
    await log.received(3);
    expect(stream.writableLength).toBeLessThan(10_000);
    socket.destroy();
  });

  test("a frame that is not masked closes the connection", async () => {
    await start();
    const { socket, log } = await openRaw();
    socket.resume().write(frame(Buffer.from("a"), BINARY, true, false));
    expect(await log.closed()).toMatchObject({
      code: "DUNLIN_TRANSPORT",
      message: expect.stringMatching(/MASK/),
    });
    expect(log.text).toBe("");
    socket.destroy();
  });

  test("the closing that came with the last bytes waits until a paused stream resumes", async () => {
    await start();
    const { client, stream, log } = await open();
    const onBytes = log.onBytes.bind(log);
    log.onBytes = (...bytes) => {
      onBytes(...bytes);
      stream.pause();
    };
    for (const text of ["1", "2", "3"]) client.send(Buffer.from(text));
    client.close();
    for (let length = 1; log.text !== "123"; length = log.text.length + 1) {
      await log.received(length);
      if (log.text !== "123") stream.resume();
    }
    await someTurns();
    expect(log.isClosed).toBe(false);
    stream.resume();
    expect(await log.closed()).toBeUndefined();
    expect(log.text).toBe("123");
  });
});

test("options that cannot be are refused", async () => {
  await start();
  expect(() => webSocketListener({ path: "mqtt" })).toThrow('its path has no leading slash; write "/mqtt"');
  expect(() => listener.replaceTls({ key: "", cert: "" })).toThrow(
    expect.objectContaining({ code: "DUNLIN_STATE" }),
  );
});
