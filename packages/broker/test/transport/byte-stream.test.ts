import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Listener, tcpListener, tlsListener, unixListener, webSocketListener } from "@dunlin/broker";
import { createTestAuthority, missingOpenssl, skippedWithout, type TestAuthority } from "@dunlin/test-kit";
import { afterAll, beforeAll, describe } from "vitest";
import { SocketByteStream } from "../../src/transport/socket-byte-stream.ts";
import { SocketServer } from "../../src/transport/socket-server.ts";
import { describeByteStream } from "./byte-stream-contract.ts";
import {
  clientOverSocket,
  clientOverWebSocket,
  connectSecurely,
  connectTcp,
  connectUnix,
  connectWebSocket,
} from "./test-client.ts";

/** With sockets, as where Node lacks what stream-handle.ts needs. */
function listenerWithSockets(): Listener {
  const server = new SocketServer();
  const listener = {
    name: "fallback",
    url: "",
    limits: {},
    async start(onConnection) {
      const origin = { transport: "tcp", remoteAddress: "127.0.0.1", remotePort: 0 } as const;
      const address = { host: "127.0.0.1", port: 0 };
      const port = await server.start("fallback", address, (socket) =>
        onConnection(new SocketByteStream(socket, origin, listener)),
      );
      listener.url = `mqtt://127.0.0.1:${port}`;
    },
    async stop() {
      server.stop();
    },
  } as Listener & { url: string };
  return listener;
}

describeByteStream("a stream over TCP", () => {
  const listener = tcpListener({ port: 0 });
  return { listener, connect: async () => clientOverSocket(await connectTcp(listener.url)) };
});

describeByteStream("a stream over a socket", () => {
  const listener = listenerWithSockets();
  return { listener, connect: async () => clientOverSocket(await connectTcp(listener.url)) };
});

describeByteStream("a stream over WebSocket", () => {
  const listener = webSocketListener({ port: 0 });
  return { listener, connect: async () => clientOverWebSocket(await connectWebSocket(listener.url)) };
});

describe("on a path", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "dunlin-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  describeByteStream("a stream over a Unix socket", () => {
    const listener = unixListener({ path: join(folder, "mqtt.sock") });
    return { listener, connect: async () => clientOverSocket(await connectUnix(listener.url)) };
  });
});

describe("with certificates", skippedWithout(missingOpenssl()), () => {
  let authority: TestAuthority;
  let tls: { key: string; cert: string };
  beforeAll(() => {
    authority = createTestAuthority();
    tls = authority.issue({ commonName: "localhost" });
  });
  afterAll(() => authority.remove());

  describeByteStream("a stream over TLS", () => {
    const listener = tlsListener({ port: 0, tls });
    const connect = () => connectSecurely(listener.url, { ca: authority.cert });
    return { listener, connect: async () => clientOverSocket(await connect()) };
  });

  describeByteStream("a stream over a secure WebSocket", () => {
    const listener = webSocketListener({ port: 0, tls });
    const connect = () => connectWebSocket(listener.url, { ca: authority.cert });
    return { listener, connect: async () => clientOverWebSocket(await connect()) };
  });
});
