import { z } from "zod";
import { connectionLimitSpecs } from "./limit-specs.ts";
import { limitOverridesSchema } from "./limits-schema.ts";

const name = z
  .string()
  .min(1)
  .exactOptional()
  .describe("Stands in logs and counters. Default: made from type and address.");

const limits = limitOverridesSchema(connectionLimitSpecs)
  .exactOptional()
  .describe("What this listener allows otherwise than the broker's own `limits`; the keys under Connection.");

const tls = z
  .strictObject({
    certFile: z.string().min(1).describe("PEM file of the server's certificate, with its chain."),
    keyFile: z.string().min(1).describe("PEM file of the private key."),
    passphrase: z.string().exactOptional().describe("Opens the private key, where it is encrypted."),
    caFile: z
      .string()
      .min(1)
      .exactOptional()
      .describe("PEM file of the authorities whose client certificates are trusted."),
    clientCertificate: z
      .enum(["none", "request", "require"])
      .default("none")
      .describe(
        "Whether clients show a certificate. `require` authenticates them: only those of `caFile` get in.",
      ),
    minVersion: z
      .enum(["TLSv1.2", "TLSv1.3"])
      .default("TLSv1.2")
      .describe("The lowest TLS version accepted."),
    alpnProtocols: z
      .array(z.string().min(1))
      .min(1)
      .exactOptional()
      .describe("ALPN protocols offered, in order."),
  })
  .describe("Certificate and key.");

const proxyProtocol = z
  .boolean()
  .default(false)
  .describe("Every connection begins with a PROXY protocol header (v1 or v2) that says where the client is.");

function network(port: number) {
  return {
    name,
    host: z
      .string()
      .min(1)
      .default("127.0.0.1")
      .describe(
        "Address to listen on. Only this machine reaches 127.0.0.1; 0.0.0.0 and :: are all its addresses.",
      ),
    port: z.int().min(0).max(65_535).default(port).describe("Port to listen on; 0: any free one."),
    proxyProtocol,
    limits,
  };
}

const webSocket = {
  path: z
    .string()
    .startsWith("/")
    .default("/mqtt")
    .describe("Path of the URL that WebSocket clients ask for."),
  allowedOrigins: z
    .array(z.string().min(1))
    .exactOptional()
    .describe("Origins of web pages that may connect, such as `https://example.com`. Default: all."),
};

const tcp = z.strictObject({ type: z.literal("tcp"), ...network(1883) }).describe("MQTT over TCP.");
const secureTcp = z
  .strictObject({ type: z.literal("tls"), ...network(8883), tls })
  .describe("MQTT over TLS.");
const ws = z
  .strictObject({ type: z.literal("ws"), ...network(8083), ...webSocket })
  .describe("MQTT over WebSocket, as browsers need it.");
const wss = z
  .strictObject({ type: z.literal("wss"), ...network(8084), ...webSocket, tls })
  .describe("MQTT over secure WebSocket.");
const unix = z
  .strictObject({
    type: z.literal("unix"),
    name,
    path: z.string().min(1).describe("Path of the socket."),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, { error: 'must be a quoted octal mode such as "0660"' })
      .default("0600")
      .describe("Who may connect, as the octal mode of the socket, in quotes."),
    limits,
  })
  .describe("MQTT over a Unix socket.");

export const listenerSchema = z.discriminatedUnion("type", [tcp, secureTcp, ws, wss, unix]);

export type ListenerConfig = z.output<typeof listenerSchema>;
export type TlsConfig = z.output<typeof tls>;
