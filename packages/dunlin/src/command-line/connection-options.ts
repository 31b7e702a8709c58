import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ConnectPacket, ProtocolVersion, QoS, Will } from "@dunlin/protocol";
import type { ConnectRequest } from "../client/connect.ts";
import { type BrokerAddress, defaultPorts } from "../client/open-stream.ts";
import { usageError } from "./command-error.ts";
import type { OptionSpecs, OptionValues } from "./option-spec.ts";
import type { PropertyArguments } from "./property-arguments.ts";

const CONNECTION = "Connection";
const SECURITY = "TLS";
const WILL = "Will message";

const versions: Readonly<Record<string, ProtocolVersion>> = {
  mqttv31: 3,
  "3.1": 3,
  "31": 3,
  mqttv311: 4,
  "3.1.1": 4,
  "311": 4,
  mqttv5: 5,
  "5": 5,
};

/** Session Expiry Interval of a session that never ends [MQTT 5.0, 3.1.2.11.2]. */
const NEVER = 0xffffffff;

/** What pub and sub share: how to reach the broker, and as whom. */
export const connectionOptions = {
  host: {
    type: "text",
    short: "h",
    value: "HOST",
    group: CONNECTION,
    help: "Broker's host. Default: localhost.",
  },
  port: {
    type: "number",
    short: "p",
    value: "PORT",
    minimum: 1,
    maximum: 65_535,
    group: CONNECTION,
    help: "Broker's port. Default: 1883; with TLS 8883; WebSocket 8083 and 8084.",
  },
  url: {
    type: "text",
    short: "L",
    value: "URL",
    group: CONNECTION,
    help: "All in one: mqtt://, mqtts:// with user:password@host:port/topic, ws:// or wss:// with the path of the listener, unix:///path.",
  },
  unix: { type: "text", value: "PATH", group: CONNECTION, help: "Connect to a Unix socket." },
  ws: { type: "flag", group: CONNECTION, help: "Connect over WebSocket, to the path /mqtt." },
  id: {
    type: "text",
    short: "i",
    value: "ID",
    group: CONNECTION,
    help: "Client Identifier. Default: a random one.",
  },
  username: { type: "text", short: "u", value: "NAME", group: CONNECTION, help: "User Name." },
  pw: { type: "text", short: "P", value: "PASSWORD", group: CONNECTION, help: "Password." },
  "protocol-version": {
    type: "text",
    short: "V",
    value: "VERSION",
    choices: Object.keys(versions),
    group: CONNECTION,
    help: "mqttv5 (or 5), mqttv311 (311, 3.1.1) or mqttv31 (31, 3.1). Default: mqttv5.",
  },
  keepalive: {
    type: "number",
    short: "k",
    value: "SECONDS",
    minimum: 0,
    maximum: 65_535,
    group: CONNECTION,
    help: "Keep Alive; 0: none. Default: 60.",
  },
  "disable-clean-session": {
    type: "flag",
    short: "c",
    group: CONNECTION,
    help: "Resume the session of --id and keep it after the end.",
  },
  "session-expiry-interval": {
    type: "number",
    short: "x",
    value: "SECONDS",
    minimum: -1,
    maximum: NEVER,
    group: CONNECTION,
    help: "How long the session lives after the end (MQTT 5.0); -1: for ever. Default: 0, with -c -1.",
  },
  property: {
    type: "text",
    short: "D",
    value: "PACKET NAME VALUE",
    multiple: true,
    group: CONNECTION,
    help: "An MQTT 5.0 property of a packet, as in mosquitto_pub: -D connect receive-maximum 10, -D publish user-property key value.",
  },
  cafile: {
    type: "text",
    value: "FILE",
    group: SECURITY,
    help: "PEM file of the authorities to trust; turns TLS on. Default: those that Node.js knows.",
  },
  cert: { type: "text", value: "FILE", group: SECURITY, help: "PEM file of the client's certificate." },
  key: { type: "text", value: "FILE", group: SECURITY, help: "PEM file of its private key." },
  tls: { type: "flag", group: SECURITY, help: "Use TLS, as --cafile and --port 8883 do." },
  insecure: {
    type: "flag",
    group: SECURITY,
    help: "Do not check that the certificate is made out to the host. For tests only.",
  },
  "will-topic": { type: "text", value: "TOPIC", group: WILL, help: "Topic of the will message." },
  "will-payload": { type: "text", value: "TEXT", group: WILL, help: "Its payload. Default: empty." },
  "will-qos": {
    type: "number",
    value: "QOS",
    minimum: 0,
    maximum: 2,
    group: WILL,
    help: "Its QoS. Default: 0.",
  },
  "will-retain": { type: "flag", group: WILL, help: "Retain it." },
} as const satisfies OptionSpecs;

export type ConnectionValues = OptionValues<typeof connectionOptions>;

/** `commandName` goes into the Client Identifier that is made where none is given. */
export function connectRequest(
  values: ConnectionValues,
  properties: PropertyArguments,
  commandName: string,
): ConnectRequest {
  const version = versions[values["protocol-version"] ?? "mqttv5"]!;
  if (version < 5 && properties.isAnyGiven)
    throw usageError("properties need MQTT 5.0; leave out -V or the properties");
  if (version < 5 && values["session-expiry-interval"] !== undefined) {
    throw usageError("--session-expiry-interval needs MQTT 5.0");
  }
  const isPersistent = values["disable-clean-session"];
  if (isPersistent && values.id === undefined) {
    throw usageError("--disable-clean-session (-c) needs a Client Identifier: --id ID");
  }
  const { url, tls } = brokerAddress(values);
  const userName = values.username ?? (url.username === "" ? undefined : decodeURIComponent(url.username));
  const password = values.pw ?? (url.password === "" ? undefined : decodeURIComponent(url.password));
  if (version < 5 && password !== undefined && userName === undefined) {
    throw usageError("a password needs a user name before MQTT 5.0: --username NAME");
  }
  const packet: ConnectPacket = {
    type: "CONNECT",
    protocolVersion: version,
    cleanStart: !isPersistent,
    keepAliveSeconds: values.keepalive ?? 60,
    // MQTT 3.1 allows 23 characters at most.
    clientId: values.id ?? `dunlin-${commandName}-${randomBytes(4).toString("hex")}`,
    will: will(values, properties),
    userName,
    password: password === undefined ? undefined : Buffer.from(password),
    properties: version < 5 ? {} : { ...sessionExpiry(values), ...properties.of("CONNECT") },
  };
  return { address: { url, tls }, packet };
}

function sessionExpiry(values: ConnectionValues): { sessionExpiryIntervalSeconds?: number } {
  const given = values["session-expiry-interval"] ?? (values["disable-clean-session"] ? -1 : undefined);
  if (given === undefined) return {};
  return { sessionExpiryIntervalSeconds: given === -1 ? NEVER : given };
}

function will(values: ConnectionValues, properties: PropertyArguments): Will | undefined {
  const topicName = values["will-topic"];
  if (topicName === undefined) {
    const given = (["will-payload", "will-qos", "will-retain"] as const).find(
      (name) => values[name] !== undefined && values[name] !== false,
    );
    if (given !== undefined) throw usageError(`--${given} needs --will-topic`);
    return undefined;
  }
  return {
    topicName,
    payload: Buffer.from(values["will-payload"] ?? ""),
    qos: (values["will-qos"] ?? 0) as QoS,
    retain: values["will-retain"],
    properties: properties.of("WILL"),
  };
}

function brokerAddress(values: ConnectionValues): BrokerAddress {
  if ((values.cert === undefined) !== (values.key === undefined))
    throw usageError("--cert and --key go together");
  const tls = {
    ...readPem("ca", "--cafile", values.cafile),
    ...readPem("cert", "--cert", values.cert),
    ...readPem("key", "--key", values.key),
    checkHostName: !values.insecure,
  };
  const ways = [values.url, values.unix, values.host ?? (values.ws || undefined)].filter(
    (way) => way !== undefined,
  );
  if (ways.length > 1) throw usageError("give one of --url, --unix and --host");
  if (values.url !== undefined) return { url: parseUrl(values.url), tls };
  if (values.unix !== undefined) return { url: unixUrl(values.unix), tls };
  const isTls =
    values.tls || values.cafile !== undefined || values.cert !== undefined || values.port === 8883;
  const scheme = values.ws ? (isTls ? "wss" : "ws") : isTls ? "mqtts" : "mqtt";
  return { url: hostUrl(scheme, values.host ?? "localhost", values.port, values.ws ? "/mqtt" : ""), tls };
}

function unixUrl(path: string): URL {
  // A URL has no relative paths, and would take a name without a slash for a host.
  const url = new URL("unix:///");
  url.pathname = encodeURIComponent(resolve(path)).replaceAll("%2F", "/");
  return url;
}

function hostUrl(scheme: string, host: string, port: number | undefined, path: string): URL {
  const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const text = `${scheme}://${bracketed}${port === undefined ? "" : `:${port}`}${path}`;
  if (!URL.canParse(text)) throw usageError(`--host "${host}" is not a host name or address`);
  return new URL(text);
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !(url.protocol in defaultPorts || url.protocol === "unix:")) {
    throw usageError(`--url "${text}" must begin with mqtt://, mqtts://, ws://, wss:// or unix://`);
  }
  return url;
}

/** The topic that a mqtt:// or mqtts:// URL may end with. */
export function topicOfUrl(text: string | undefined): string | undefined {
  // Not read from the parsed URL, to which "#" begins a fragment.
  const topic = text === undefined ? undefined : /^mqtts?:\/\/[^/]*\/(.+)$/.exec(text)?.[1];
  return topic === undefined ? undefined : decodeURIComponent(topic);
}

function readPem(
  key: "ca" | "cert" | "key",
  option: string,
  file: string | undefined,
): { [Key in typeof key]?: Buffer } {
  if (file === undefined) return {};
  try {
    return { [key]: readFileSync(file) };
  } catch (error) {
    throw usageError(`${option}: cannot read ${file}: ${(error as Error).message}`);
  }
}
