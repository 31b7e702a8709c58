import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { IncomingConnection, PortServer } from "./port-server.ts";

/** Subprotocols that stand for MQTT, best first; "mqttv3.1" is what clients before MQTT 3.1.1 said. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** RFC 6455, 1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Sixteen bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
const VERSION = "13";

export interface WebSocketRules {
  readonly path: string;
  readonly allowedOrigins: readonly string[] | undefined;
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Speaks HTTP on connections until they are WebSockets. */
export class WebSocketUpgrades {
  readonly #ports: PortServer;
  readonly #rules: WebSocketRules;
  readonly #onOpen: (connection: IncomingConnection) => void;
  readonly #connections = new WeakMap<Duplex, IncomingConnection>();
  /** Never listens: connections are handed to it. */
  readonly #http: Server;

  constructor(ports: PortServer, rules: WebSocketRules, onOpen: (connection: IncomingConnection) => void) {
    this.#ports = ports;
    this.#rules = rules;
    this.#onOpen = onOpen;
    this.#http = createServer((request, response) => {
      const { status, reason, headers } = this.#judgePath(request) ?? NO_UPGRADE;
      this.#note(request.socket, `HTTP ${status}: ${reason}`);
      response.writeHead(status, { ...PLAIN_TEXT, ...headers });
      response.end(`${reason}\n`);
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
      this.#refuse(socket, { status, reason: `This is no HTTP that can be read: ${error.message}.` });
    });
  }

  begin(connection: IncomingConnection): void {
    this.#connections.set(connection.socket, connection);
    this.#http.emit("connection", connection.socket);
    // A PROXY header that was read before has left the socket paused.
    connection.socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(socket);
    // Node leaves the socket without a handler from here on; 'close' follows.
    socket.on("error", () => {});
    const refusal = this.#judgePath(request) ?? this.#judgeOrigin(request) ?? judgeHandshake(request);
    if (refusal !== undefined) return this.#refuse(socket, refusal);
    if (connection === undefined) return void socket.destroy();
    socket.write(acceptance(request));
    if (head.length > 0) socket.unshift(head);
    this.#onOpen(connection);
  }

  #judgePath(request: IncomingMessage): Refusal | undefined {
    const { path } = this.#rules;
    const asked = request.url?.split("?", 1)[0];
    return asked === path ? undefined : { status: 404, reason: `There is nothing here; MQTT is at ${path}.` };
  }

  /** Browsers always name the page's origin; other clients need not. */
  #judgeOrigin(request: IncomingMessage): Refusal | undefined {
    const { origin } = request.headers;
    const { allowedOrigins } = this.#rules;
    if (origin === undefined || allowedOrigins === undefined || allowedOrigins.includes(origin))
      return undefined;
    return { status: 403, reason: "Pages of this origin may not connect here." };
  }

  #refuse(socket: Duplex, { status, reason, headers }: Refusal): void {
    this.#note(socket, `HTTP ${status}: ${reason}`);
    const body = `${reason}\n`;
    const all = { ...PLAIN_TEXT, ...headers, "Content-Length": Buffer.byteLength(body) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    if (!socket.writable) return void socket.destroy();
    // What is not read does not tell that the client closes.
    socket.resume();
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
  }

  #note(socket: Duplex, reason: string): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined) this.#ports.pending.note(connection.accepted, reason);
  }
}

const PLAIN_TEXT = { "Content-Type": "text/plain; charset=utf-8", Connection: "close" };

const NO_UPGRADE: Refusal = {
  status: 426,
  reason: "This is an MQTT broker; connect with a WebSocket of the subprotocol mqtt.",
  headers: { Upgrade: "websocket" },
};

/** The client must offer "mqtt" [MQTT-6.0.0-3]. */
function judgeHandshake(request: IncomingMessage): Refusal | undefined {
  const { headers, method } = request;
  const key = headers["sec-websocket-key"] ?? "";
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket" || !KEY.test(key)) {
    return { status: 400, reason: "This is not the handshake of a WebSocket." };
  }
  if (headers["sec-websocket-version"] !== VERSION) {
    const reason = `The WebSocket version here is ${VERSION}.`;
    return { status: 426, reason, headers: { "Sec-WebSocket-Version": VERSION } };
  }
  const offered = offeredSubprotocols(request);
  if (SUBPROTOCOLS.some((subprotocol) => offered.includes(subprotocol))) return undefined;
  const what = offered.length === 0 ? "no WebSocket subprotocol" : "other WebSocket subprotocols only";
  return { status: 400, reason: `You offer ${what}; offer the subprotocol mqtt.` };
}

function offeredSubprotocols(request: IncomingMessage): string[] {
  return request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
}

/** The answer to a handshake that has been judged good. No extension is agreed on, so that nothing is compressed. */
function acceptance(request: IncomingMessage): string {
  const offered = offeredSubprotocols(request);
  // The subprotocol must be one that the client offered, and stand for MQTT [MQTT-6.0.0-4].
  const subprotocol = SUBPROTOCOLS.find((name) => offered.includes(name));
  const key = `${request.headers["sec-websocket-key"]}${ACCEPT_GUID}`;
  const accept = createHash("sha1").update(key).digest("base64");
  return (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n\r\n`
  );
}
