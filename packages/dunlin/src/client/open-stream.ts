import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** Where a broker is: mqtt, mqtts, ws, wss or unix, and what TLS needs. */
export interface BrokerAddress {
  readonly url: URL;
  readonly tls: {
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
    /** Whether the certificate must be made out to the host. */
    readonly checkHostName: boolean;
  };
}

export const defaultPorts: Readonly<Record<string, number>> = {
  "mqtt:": 1883,
  "mqtts:": 8883,
  "ws:": 8083,
  "wss:": 8084,
};

/** Opens a network connection that carries MQTT; rejects with the error of the socket. */
export async function openStream(address: BrokerAddress, signal: AbortSignal): Promise<Duplex> {
  const { url } = address;
  if (url.protocol === "ws:" || url.protocol === "wss:") return openWebSocket(address, signal);
  const isTls = url.protocol === "mqtts:";
  const stream = isTls ? connectTls(tlsOptions(address)) : connectTcp(socketOptions(url));
  try {
    await once(stream, isTls ? "secureConnect" : "connect", { signal });
  } catch (error) {
    stream.destroy();
    throw error;
  }
  stream.setNoDelay();
  return stream;
}

function socketOptions(url: URL): { path: string } | { host: string; port: number } {
  if (url.protocol === "unix:") return { path: decodeURIComponent(url.pathname) };
  // A URL holds IPv6 addresses in brackets, a socket wants them bare.
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: portOf(url) };
}

function tlsOptions(address: BrokerAddress): ConnectionOptions {
  const { host, port } = socketOptions(address.url) as { host: string; port: number };
  return { host, port, servername: host, ...certificateOptions(address) };
}

function certificateOptions({ tls }: BrokerAddress): ConnectionOptions {
  const { checkHostName, ...files } = tls;
  return checkHostName ? files : { ...files, checkServerIdentity: () => undefined };
}

async function openWebSocket(address: BrokerAddress, signal: AbortSignal): Promise<Duplex> {
  const { WebSocket, createWebSocketStream } = await import("ws");
  const url = new URL(address.url);
  url.port = String(portOf(url));
  const socket = new WebSocket(url, "mqtt", certificateOptions(address));
  const stream = createWebSocketStream(socket);
  const failed = once(stream, "error").then(([error]) => Promise.reject(error as Error));
  try {
    await Promise.race([once(socket, "open", { signal }), failed]);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return stream;
}

export function portOf(url: URL): number {
  return url.port === "" ? (defaultPorts[url.protocol] ?? 0) : Number(url.port);
}
