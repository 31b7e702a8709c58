import { once } from "node:events";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";
import { ReceiverLog } from "./stream-log.ts";

/** The far end of a connection, whatever it runs over. */
export interface TestClient {
  readonly log: ReceiverLog;
  write(bytes: Uint8Array): void;
  pause(): void;
  resume(): void;
  /** Closes in good order. */
  end(): void;
  /** Goes without a word. */
  destroy(): void;
}

export function clientOverSocket(socket: Socket): TestClient {
  const log = new ReceiverLog();
  socket.on("data", (chunk: Buffer) => log.onBytes(chunk, 0, chunk.length));
  socket.on("error", () => {});
  socket.on("close", () => log.onClosed());
  return {
    log,
    write: (bytes) => socket.write(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  };
}

export function clientOverWebSocket(socket: WebSocket): TestClient {
  const log = new ReceiverLog();
  socket.on("message", (data: Buffer) => log.onBytes(data, 0, data.length));
  socket.on("error", () => {});
  socket.on("close", () => log.onClosed());
  return {
    log,
    write: (bytes) => socket.send(bytes),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.close(),
    destroy: () => socket.terminate(),
  };
}

export async function connectTcp(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ""));
  await once(socket, "connect");
  return socket;
}

export async function connectUnix(url: string): Promise<Socket> {
  const socket = connect(url.replace("unix://", ""));
  await once(socket, "connect");
  return socket;
}

export async function connectSecurely(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ port: Number(new URL(url).port), host: "127.0.0.1", ...options });
  await once(socket, "secureConnect");
  return socket;
}

export async function connectWebSocket(url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, ["mqtt"], options);
  await once(socket, "open");
  return socket;
}
