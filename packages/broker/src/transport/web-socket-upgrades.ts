import { createServer, type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { IncomingConnection } from "./port-server.ts";
import { END_TIMEOUT_MS } from "./socket-byte-stream.ts";

/** Subprotocols that stand for MQTT, best first; "mqttv3.1" is what clients before MQTT 3.1.1 said. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];

export interface WebSocketRules {
  readonly path: string;
  readonly allowedOrigins: readonly string[] | undefined;
  /** In bytes, of the payload of a frame (all its fragments together). */
  readonly maximumFrameSize: number;
}

interface Refusal {
  readonly status: number;
  readonly reason: string;
}

/** Speaks HTTP on connections until they are WebSockets. */
export class WebSocketUpgrades {
  readonly #rules: WebSocketRules;
  readonly #onOpen: (socket: WebSocket, connection: IncomingConnection) => void;
  readonly #connections = new WeakMap<Duplex, IncomingConnection>();
  /** Never listens: connections are handed to it. */
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;

  constructor(rules: WebSocketRules, onOpen: (socket: WebSocket, connection: IncomingConnection) => void) {
    this.#rules = rules;
    this.#onOpen = onOpen;
    const options: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: rules.maximumFrameSize,
      closeTimeout: END_TIMEOUT_MS,
      // The subprotocol must be one that the client offered, and stand for MQTT [MQTT-6.0.0-4].
      handleProtocols: (offered) => SUBPROTOCOLS.find((subprotocol) => offered.has(subprotocol)) ?? false,
    };
    this.#webSockets = new WebSocketServer(options);
    this.#http = createServer((request, response) => {
      const { status, reason } = this.#judgePath(request) ?? {
        status: 426,
        reason: "This is an MQTT broker; connect with a WebSocket of the subprotocol mqtt.",
      };
      response.writeHead(status, { ...PLAIN_TEXT, ...(status === 426 && { Upgrade: "websocket" }) });
      response.end(`${reason}\n`);
    });
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  begin(connection: IncomingConnection): void {
    this.#connections.set(connection.socket, connection);
    this.#http.emit("connection", connection.socket);
    // A PROXY header that was read before has left the socket paused.
    connection.socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(socket);
    const refusal = this.#judgePath(request) ?? this.#judgeOrigin(request) ?? judgeSubprotocols(request);
    // Node leaves the socket without a handler from here on; 'close' follows.
    socket.on("error", () => {});
    if (connection === undefined || refusal !== undefined) return refuse(socket, refusal);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => this.#onOpen(webSocket, connection));
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
}

const PLAIN_TEXT = { "Content-Type": "text/plain; charset=utf-8", Connection: "close" };

/** The client must offer "mqtt" [MQTT-6.0.0-3]. */
function judgeSubprotocols(request: IncomingMessage): Refusal | undefined {
  const offered = request.headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
  if (SUBPROTOCOLS.some((subprotocol) => offered.includes(subprotocol))) return undefined;
  const what = offered.length === 0 ? "no WebSocket subprotocol" : "other WebSocket subprotocols only";
  return { status: 400, reason: `You offer ${what}; offer the subprotocol mqtt.` };
}

function refuse(socket: Duplex, { status, reason }: Refusal = { status: 500, reason: "Try again." }): void {
  const body = `${reason}\n`;
  const headers = { ...PLAIN_TEXT, "Content-Length": Buffer.byteLength(body) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}
