import type { PublishPacket } from "@dunlin/protocol";
import { usageError } from "../command-line/command-error.ts";
import { textOf } from "./message-json.ts";

type Printer = (message: PublishPacket, receivedAt: Date) => string | Uint8Array;

const BACKSLASH: Readonly<Record<string, string>> = {
  "\\": "\\",
  "0": "\0",
  a: "\x07",
  e: "\x1b",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The letters behind % that mosquitto_sub knows too. */
const PERCENT: Readonly<Record<string, Printer>> = {
  "%": () => "%",
  A: ({ properties }) => text(properties.topicAlias),
  C: ({ properties }) => text(properties.contentType),
  D: ({ properties }) => properties.correlationData ?? "",
  E: ({ properties }) => text(properties.messageExpiryIntervalSeconds),
  F: ({ properties }) => text(properties.payloadFormatIndicator),
  I: (_, receivedAt) => localTime(receivedAt),
  J: (message, receivedAt) => mosquittoJson(message, receivedAt, parsedPayload(message)),
  P: ({ properties }) =>
    (properties.userProperties ?? []).map(([name, value]) => `${name}:${value}`).join(" "),
  R: ({ properties }) => text(properties.responseTopic),
  S: ({ properties }) => (properties.subscriptionIdentifiers ?? []).join(" "),
  U: (_, receivedAt) => unixTime(receivedAt),
  X: ({ payload }) => Buffer.from(payload).toString("hex").toUpperCase(),
  j: (message, receivedAt) =>
    mosquittoJson(message, receivedAt, textOf(message.payload) ?? [...message.payload]),
  l: ({ payload }) => String(payload.length),
  m: ({ packetIdentifier }) => String(packetIdentifier ?? 0),
  p: ({ payload }) => payload,
  q: ({ qos }) => String(qos),
  r: ({ retain }) => (retain ? "1" : "0"),
  t: ({ topicName }) => topicName,
  x: ({ payload }) => Buffer.from(payload).toString("hex"),
};

const formatLetters: string = Object.keys(PERCENT).join("");

/** Text, a % escape with flags, width and precision, or a backslash escape. */
const PIECES =
  /%(?<flags>[-0]*)(?<width>\d*)(?:\.(?<precision>\d+))?(?<letter>.?)|\\(?<escaped>.?)|(?<plain>[^%\\]+)/gsu;

/** Reads a format such as "%I %t %x\n"; throws a usage error for what it does not know. */
export function parseFormat(format: string): (message: PublishPacket, receivedAt: Date) => Buffer {
  const printers = [...format.matchAll(PIECES)].map((match) => printerOf(match.groups!));
  return (message, receivedAt) =>
    Buffer.concat(
      printers.map((print) => {
        const piece = print(message, receivedAt);
        return typeof piece === "string" ? Buffer.from(piece) : piece;
      }),
    );
}

function printerOf(match: { [name: string]: string | undefined }): Printer {
  const { plain, escaped, letter = "", flags = "", width = "", precision } = match;
  if (plain !== undefined) return () => plain;
  if (escaped !== undefined) {
    const character = BACKSLASH[escaped];
    if (character === undefined) throw usageError(`--format: unknown escape "\\${escaped}"`);
    return () => character;
  }
  const print = PERCENT[letter];
  if (print === undefined) {
    throw usageError(`--format: unknown escape "%${letter}"; known are %${[...formatLetters].join(" %")}`);
  }
  if (width === "" && precision === undefined) return print;
  // A width cuts payloads, too.
  const length = precision ?? ("pxX".includes(letter) ? width : undefined);
  return (message, receivedAt) => pad(print(message, receivedAt), flags, Number(width), length);
}

function pad(
  piece: string | Uint8Array,
  flags: string,
  width: number,
  length: string | undefined,
): string | Uint8Array {
  const whole = typeof piece === "string" ? piece : textOf(piece);
  // Bytes that are not text have no width.
  if (whole === undefined) return piece;
  const cut = length === undefined ? whole : whole.slice(0, Number(length));
  if (flags.includes("-")) return cut.padEnd(width);
  return cut.padStart(width, flags.includes("0") ? "0" : " ");
}

function text(value: string | number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** Seconds with nine digits behind the point, of which JavaScript knows three. */
function unixTime(time: Date): string {
  const milliseconds = time.getTime();
  return `${Math.floor(milliseconds / 1000)}.${String(milliseconds % 1000).padStart(3, "0")}000000`;
}

/** `2026-01-31T08:20:00+0100`. */
function localTime(time: Date): string {
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const twoDigits = (number: number): string => String(Math.trunc(Math.abs(number))).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${twoDigits(offset / 60)}${twoDigits(offset % 60)}`;
}

function parsedPayload({ payload, topicName }: PublishPacket): unknown {
  if (payload.length === 0) return null;
  try {
    return JSON.parse(textOf(payload) ?? "");
  } catch {
    throw new SyntaxError(`the payload of ${topicName} is not JSON, as %J needs it`);
  }
}

/** The JSON of mosquitto_sub's %j and %J. */
function mosquittoJson(message: PublishPacket, receivedAt: Date, payload: unknown): string {
  const { properties } = message;
  const known = {
    "payload-format-indicator": properties.payloadFormatIndicator,
    "message-expiry-interval": properties.messageExpiryIntervalSeconds,
    "content-type": properties.contentType,
    "response-topic": properties.responseTopic,
    "correlation-data": properties.correlationData && Buffer.from(properties.correlationData).toString(),
    "subscription-identifier": properties.subscriptionIdentifiers?.[0],
    "user-properties": properties.userProperties && Object.fromEntries(properties.userProperties),
  };
  const hasProperties = Object.values(known).some((value) => value !== undefined);
  const zone = localTime(receivedAt).slice(19);
  const fraction = String(receivedAt.getMilliseconds()).padStart(3, "0");
  return JSON.stringify({
    tst: `${localTime(receivedAt).slice(0, 19)}.${fraction}000Z${zone}`,
    topic: message.topicName,
    qos: message.qos,
    retain: message.retain ? 1 : 0,
    payloadlen: message.payload.length,
    ...(message.qos > 0 && { mid: message.packetIdentifier }),
    ...(hasProperties && { properties: known }),
    payload,
  });
}
