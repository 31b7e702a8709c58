import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { type ByteStream, type TlsListener, type TlsSettings, tlsListener } from "@dunlin/broker";
import {
  createTestAuthority,
  missingOpenssl,
  skippedWithout,
  type TestAuthority,
  type TestCredentials,
} from "@dunlin/test-kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ReceiverLog, StreamQueue, someTurns, writeText } from "./stream-log.ts";
import { connectSecurely, connectTcp } from "./test-client.ts";

let authority: TestAuthority;
let stranger: TestAuthority;
let server: TestCredentials;
let streams: StreamQueue;
let listener: TlsListener;

async function start(settings: Partial<TlsSettings> = {}, limits = {}): Promise<void> {
  listener = tlsListener({ port: 0, limits, tls: { ...server, ...settings } });
  streams = new StreamQueue();
  await listener.start(streams.accept);
}

/** A client's greeting reaches the broker, or the connection is closed before. */
async function greet(options: object): Promise<ByteStream | "refused"> {
  try {
    const client = await connectSecurely(listener.url, { ca: authority.cert, ...options });
    client.on("error", () => {});
    const closed = once(client, "close");
    const stream = await Promise.race([streams.next(), closed]);
    return Array.isArray(stream) ? "refused" : stream;
  } catch {
    return "refused";
  }
}

describe("a TLS listener", skippedWithout(missingOpenssl()), () => {
  beforeAll(() => {
    authority = createTestAuthority();
    stranger = createTestAuthority();
    server = authority.issue({ commonName: "localhost" });
  });
  afterEach(() => listener.stop());
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  testOrigin();
  testReading();
  testClientCertificates();
  testRotation();
  testUnfinishedHandshakes();
});

function testOrigin(): void {
  test("tells version, server name and where the client comes from", async () => {
    await start();
    expect(listener).toMatchObject({
      name: "tls:0",
      url: expect.stringMatching(/^mqtts:\/\/127\.0\.0\.1:\d+$/),
    });
    const client = await connectSecurely(listener.url, { ca: authority.cert, servername: "localhost" });
    const { origin } = await streams.next();
    expect(origin).toEqual({
      transport: "tls",
      remoteAddress: "127.0.0.1",
      remotePort: client.localPort,
      tls: {
        protocol: "TLSv1.3",
        serverName: "localhost",
        alpnProtocol: undefined,
        peerCertificate: undefined,
        peerVerified: false,
        peerCommonName: undefined,
      },
    });
    client.destroy();
  });

  test("agrees on an application protocol and refuses others", async () => {
    await start({ alpnProtocols: ["mqtt", "x-other"] });
    expect(await greet({ ALPNProtocols: ["x-other", "mqtt"] })).toMatchObject({
      origin: { tls: { alpnProtocol: "mqtt" } },
    });
    expect(await greet({ ALPNProtocols: ["http/1.1"] })).toBe("refused");
    expect(await greet({})).toMatchObject({ origin: { tls: { alpnProtocol: undefined } } });
  });

  test("speaks TLS 1.2 and later, or only what it is told", async () => {
    await start();
    expect(await greet({ maxVersion: "TLSv1.2" })).toMatchObject({
      origin: { tls: { protocol: "TLSv1.2" } },
    });
    expect(await greet({ maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" })).toBe(
      "refused",
    );
    await listener.stop();
    await start({ minVersion: "TLSv1.3" });
    expect(await greet({ maxVersion: "TLSv1.2" })).toBe("refused");
  });
}

function testReading(): void {
  test("reads into one buffer for all sockets", async () => {
    await start();
    const pieces: ArrayBufferLike[] = [];
    for (const _ of "ab") {
      const client = await connectSecurely(listener.url, { ca: authority.cert });
      const log = new ReceiverLog();
      const onBytes = log.onBytes.bind(log);
      log.onBytes = (bytes, begin, end) => {
        pieces.push(bytes.buffer);
        onBytes(bytes, begin, end);
      };
      (await streams.next()).start(log);
      client.write("abc");
      await log.received(3);
      client.destroy();
    }
    // Where they differ, this Node no longer has what tls-read-buffer.ts needs.
    expect(pieces[0]).toBe(pieces[1]);
  });

  test("keeps what comes with the end of the handshake until the stream is started", async () => {
    await start();
    const port = Number(new URL(listener.url).port);
    const client = connectTls({ port, host: "127.0.0.1", ca: authority.cert });
    const early = randomBytes(100_000);
    client.write(early);
    const stream = await streams.next();
    await someTurns();
    const log = new ReceiverLog();
    stream.start(log);
    client.write("late");
    await log.received(early.length + 4);
    expect(log.bytes.equals(Buffer.concat([early, Buffer.from("late")]))).toBe(true);
    client.destroy();
  });
}

function testClientCertificates(): void {
  test("that requires client certificates refuses clients without a good one", async () => {
    await start({ ca: authority.cert, clientCertificate: "require" });
    const device = authority.issue({ commonName: "device-7" });
    const stream = await greet(device);
    expect(stream).toMatchObject({ origin: { tls: { peerVerified: true, peerCommonName: "device-7" } } });
    expect((stream as ByteStream).origin.tls?.peerCertificate?.length).toBeGreaterThan(100);
    expect(await greet({})).toBe("refused");
    expect(await greet(stranger.issue({ commonName: "device-7" }))).toBe("refused");
    const notAfter = new Date(Date.now() - 60_000);
    expect(await greet(authority.issue({ commonName: "device-7", notAfter }))).toBe("refused");
    expect(streams.length).toBe(0);
  });

  test("that requests client certificates tells which are good", async () => {
    await start({ ca: [stranger.cert, authority.cert], clientCertificate: "request" });
    const other = createTestAuthority();
    const cases: [object, object][] = [
      [{}, { peerVerified: false, peerCertificate: undefined, peerCommonName: undefined }],
      [authority.issue({ commonName: "one" }), { peerVerified: true, peerCommonName: "one" }],
      [stranger.issue({ commonName: "two" }), { peerVerified: true, peerCommonName: "two" }],
      [other.issue({ commonName: "three" }), { peerVerified: false, peerCommonName: "three" }],
    ];
    other.remove();
    for (const [credentials, tls] of cases) {
      expect(await greet(credentials)).toMatchObject({ origin: { tls } });
    }
  });

  test("with an expired certificate does not start", async () => {
    await start();
    const expired = authority.issue({ commonName: "old", notAfter: new Date(Date.now() - 60_000) });
    const failure = tlsListener({ name: "secure", port: 0, tls: expired }).start(() => {});
    await expect(failure).rejects.toMatchObject({
      code: "DUNLIN_LISTEN",
      message: expect.stringMatching(
        /^listener "secure": the certificate of "CN=old" expired on .*; renew it$/,
      ),
    });
  });
}

function testRotation(): void {
  test("replaces its certificate for new connections while old ones go on", async () => {
    await start();
    const commonNameSeenBy = (client: TLSSocket) => client.getPeerCertificate().subject.CN;
    const before = await connectSecurely(listener.url, { ca: authority.cert });
    const log = new ReceiverLog();
    const stream = await streams.next();
    stream.start(log);
    expect(commonNameSeenBy(before)).toBe("localhost");
    listener.replaceTls(authority.issue({ commonName: "renewed" }));
    const after = await connectSecurely(listener.url, { ca: authority.cert });
    expect(commonNameSeenBy(after)).toBe("renewed");
    before.write("still here");
    await log.received(10);
    writeText(stream, "so am I");
    expect(String((await once(before, "data"))[0])).toBe("so am I");
    for (const client of [before, after]) client.destroy();
  });

  test("keeps its certificate where the new one is of no use", async () => {
    await start();
    const key = stranger.issue({ commonName: "other" }).key;
    expect(() => listener.replaceTls({ ...server, key })).toThrow(
      expect.objectContaining({ code: "DUNLIN_LISTEN" }),
    );
    expect(await greet({})).toMatchObject({ origin: { transport: "tls" } });
  });
}

function testUnfinishedHandshakes(): void {
  test("closes connections that are no TLS", async () => {
    await start();
    const client = await connectTcp(listener.url);
    client.on("error", () => {}).resume();
    client.write(Buffer.from([0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0, 60, 0, 0]));
    await once(client, "close");
    expect(streams.length).toBe(0);
    expect(await greet({})).toMatchObject({ origin: { transport: "tls" } });
  });

  test("closes connections that do not finish the handshake in time", async () => {
    await start({}, { connectTimeoutMs: 50 });
    const client = await connectTcp(listener.url);
    client.resume();
    const startedMs = performance.now();
    await once(client, "close");
    expect(performance.now() - startedMs).toBeGreaterThan(40);
  });

  test("leaves connections that finished it alone", async () => {
    await start({}, { connectTimeoutMs: 50 });
    const client = await connectSecurely(listener.url, { ca: authority.cert });
    const log = new ReceiverLog();
    (await streams.next()).start(log);
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.write("alive");
    await log.received(5);
    client.destroy();
  });

  test("has a limit for how many are under way, and closes them when it stops", async () => {
    await start({}, { maximumConnections: 2 });
    const [first, second, third] = [
      await connectTcp(listener.url),
      await connectTcp(listener.url),
      await connectTcp(listener.url),
    ];
    await once(third.resume(), "close");
    await someTurns();
    expect([first.resume().closed, second.resume().closed]).toEqual([false, false]);
    await listener.stop();
    await Promise.all([once(first, "close"), once(second, "close")]);
  });
}
