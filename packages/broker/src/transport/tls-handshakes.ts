import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { TlsOrigin } from "../ports/byte-stream.ts";
import type { IncomingConnection, PortServer } from "./port-server.ts";
import { type TlsSettings, tlsServerOptions } from "./tls-settings.ts";

/** Turns accepted connections into TLS sockets. */
export class TlsHandshakes {
  readonly #ports: PortServer;
  readonly #onSecure: (connection: IncomingConnection) => void;
  /** By `endpointsOf`, since a TLS socket does not tell which connection it was made from. All are pending too. */
  readonly #underWay = new Map<string, IncomingConnection>();
  #settings: TlsSettings;
  /** Never listens: connections are handed to it. */
  #server: Server | undefined;

  constructor(ports: PortServer, settings: TlsSettings, onSecure: (connection: IncomingConnection) => void) {
    this.#ports = ports;
    this.#settings = settings;
    this.#onSecure = onSecure;
  }

  /** Throws DUNLIN_LISTEN where the settings are of no use. */
  start(): void {
    this.#server = this.#createServer(this.#settings);
  }

  /** From the next handshake on; those under way, and what is open, keep theirs. */
  replace(settings: TlsSettings): void {
    const server = this.#createServer(settings);
    this.#settings = settings;
    if (this.#server !== undefined) this.#server = server;
  }

  begin(connection: IncomingConnection): void {
    const { accepted } = connection;
    const endpoints = endpointsOf(accepted);
    this.#underWay.set(endpoints, connection);
    accepted.once("close", () => {
      if (this.#underWay.get(endpoints) === connection) this.#underWay.delete(endpoints);
    });
    this.#server?.emit("connection", accepted);
  }

  #createServer(settings: TlsSettings): Server {
    const server = createServer(tlsServerOptions(this.#ports.name, settings, Date.now()), (socket) => {
      const endpoints = endpointsOf(socket);
      const connection = this.#underWay.get(endpoints);
      this.#underWay.delete(endpoints);
      if (connection === undefined) {
        socket.destroy();
        return;
      }
      const origin = { ...connection.origin, tls: tlsOrigin(socket, settings) };
      this.#onSecure({ ...connection, socket, origin });
    });
    server.on("tlsClientError", (error: Error & { readonly reason?: string }, socket) => {
      const connection = this.#underWay.get(endpointsOf(socket));
      if (connection !== undefined) {
        // OpenSSL's message is a line of its internals; its reason says what was wrong.
        this.#ports.pending.note(connection.accepted, `TLS: ${error.reason ?? error.message}`);
      }
    });
    return server;
  }
}

function endpointsOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
}

function tlsOrigin(socket: TLSSocket, settings: TlsSettings): TlsOrigin {
  const { servername } = socket as TLSSocket & { servername?: string | false };
  const asked = settings.clientCertificate === "request" || settings.clientCertificate === "require";
  const certificate = asked ? socket.getPeerCertificate() : undefined;
  // Without a certificate Node gives an empty object.
  const commonName: string | readonly string[] | undefined = certificate?.subject?.CN;
  return {
    protocol: socket.getProtocol() ?? "unknown",
    serverName: servername || undefined,
    alpnProtocol: socket.alpnProtocol || undefined,
    peerCertificate: certificate?.raw,
    peerVerified: asked && socket.authorized,
    peerCommonName: typeof commonName === "object" ? commonName[0] : commonName,
  };
}
