import { isReasonCodeOf, type PacketName, type ProtocolVersion } from "@dunlin/protocol";

/** What a packet says, or the Reason Code that it is refused with. */
export type Naive = { readonly [field: string]: unknown } | number;

const MALFORMED = 0x81;
const PROTOCOL_ERROR = 0x82;
const TOPIC_NAME_INVALID = 0x90;
const TOPIC_ALIAS_INVALID = 0x94;

/** MQTT 5.0, 3.3.2.3: identifier, name, kind of value. */
const PUBLISH_PROPERTIES: readonly (readonly [number, string, string])[] = [
  [0x01, "payloadFormatIndicator", "bit"],
  [0x02, "messageExpiryIntervalSeconds", "four"],
  [0x03, "contentType", "text"],
  [0x08, "responseTopic", "topic"],
  [0x09, "correlationData", "binary"],
  [0x23, "topicAlias", "two"],
  [0x26, "userProperties", "pair"],
];
/** MQTT 5.0, 3.4.2.2 and its like. */
const ACKNOWLEDGEMENT_PROPERTIES: typeof PUBLISH_PROPERTIES = [
  [0x1f, "reasonString", "text"],
  [0x26, "userProperties", "pair"],
];

class Refusal extends Error {
  readonly reasonCode: number;

  constructor(reasonCode: number) {
    super(`refused with ${reasonCode}`);
    this.reasonCode = reasonCode;
  }
}

function refuse(reasonCode: number): never {
  throw new Refusal(reasonCode);
}

/** Takes the bytes of a packet from left to right, as the specification tells it. */
class Bytes {
  #rest: number[];

  constructor(bytes: Iterable<number>) {
    this.#rest = [...bytes];
  }

  get length(): number {
    return this.#rest.length;
  }

  take(count: number): Uint8Array {
    if (count > this.#rest.length) refuse(MALFORMED);
    return Uint8Array.from(this.#rest.splice(0, count));
  }

  integer(size: number): number {
    return this.take(size).reduce((value, byte) => value * 256 + byte, 0);
  }

  variable(): number {
    let value = 0;
    for (let size = 1; size <= 4; size++) {
      const byte = this.integer(1);
      value += (byte & 127) * 128 ** (size - 1);
      // The shortest form only [MQTT-1.5.5-1].
      if (byte < 128) return size > 1 && byte === 0 ? refuse(MALFORMED) : value;
    }
    return refuse(MALFORMED);
  }

  text(): string {
    const bytes = this.take(this.integer(2));
    return textOf(bytes) ?? refuse(MALFORMED);
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

function propertyValue(kind: string, bytes: Bytes): unknown {
  switch (kind) {
    case "bit": {
      const value = bytes.integer(1);
      return value > 1 ? refuse(PROTOCOL_ERROR) : value;
    }
    case "two":
      return bytes.integer(2) || refuse(TOPIC_ALIAS_INVALID);
    case "four":
      return bytes.integer(4);
    case "binary":
      return bytes.take(bytes.integer(2));
    case "pair":
      return [bytes.text(), bytes.text()];
    case "topic": {
      const topic = bytes.text();
      return topic === "" || /[+#]/.test(topic) ? refuse(PROTOCOL_ERROR) : topic;
    }
    default:
      return bytes.text();
  }
}

function propertiesOf(bytes: Bytes, known: typeof PUBLISH_PROPERTIES): Record<string, unknown> {
  const block = new Bytes(bytes.take(bytes.variable()));
  const properties: Record<string, unknown> = {};
  while (block.length > 0) {
    const id = block.integer(1);
    // A Subscription Identifier is a property of PUBLISH, but not for clients [MQTT-3.3.4-6].
    if (id === 0x0b && known === PUBLISH_PROPERTIES) refuse(PROTOCOL_ERROR);
    const [, name, kind] = known.find(([each]) => each === id) ?? refuse(MALFORMED);
    if (kind === "pair") {
      properties[name] = [...((properties[name] as unknown[]) ?? []), propertyValue(kind, block)];
    } else {
      if (name in properties) refuse(PROTOCOL_ERROR);
      properties[name] = propertyValue(kind, block);
    }
  }
  return properties;
}

function publishOf(flags: number, bytes: Bytes, version: ProtocolVersion): Naive {
  const qos = (flags >> 1) & 3;
  const dup = (flags & 8) !== 0;
  if (qos === 3 || (dup && qos === 0 && version !== 3)) refuse(MALFORMED);
  const topic = bytes.take(bytes.integer(2));
  const packetIdentifier = qos > 0 ? bytes.integer(2) || refuse(PROTOCOL_ERROR) : undefined;
  const properties = version === 5 ? propertiesOf(bytes, PUBLISH_PROPERTIES) : {};
  const isNamed = topic.length > 0 || properties["topicAlias"] !== undefined;
  if (!isNamed) refuse(version === 5 ? PROTOCOL_ERROR : MALFORMED);
  const topicName = textOf(topic) ?? refuse(MALFORMED);
  if (/[+#]/.test(topicName)) refuse(TOPIC_NAME_INVALID);
  const rest = { topicName, payload: bytes.take(bytes.length), properties };
  const fields = { type: "PUBLISH", qos, retain: (flags & 1) !== 0, dup: dup && qos > 0, ...rest };
  return packetIdentifier === undefined ? fields : { ...fields, packetIdentifier };
}

function acknowledgementOf(type: PacketName, flags: number, bytes: Bytes, version: ProtocolVersion): Naive {
  const isPubrel = type === "PUBREL";
  // MQTT 3.1 has DUP in PUBREL, and leaves the rest open.
  if (version !== 3 && flags !== (isPubrel ? 2 : 0)) refuse(MALFORMED);
  if (version !== 5 && bytes.length > 2) refuse(MALFORMED);
  const packetIdentifier = bytes.integer(2) || refuse(PROTOCOL_ERROR);
  const reasonCode = bytes.length > 0 ? bytes.integer(1) : 0;
  if (!isReasonCodeOf(type, reasonCode)) refuse(PROTOCOL_ERROR);
  const properties = bytes.length > 0 ? propertiesOf(bytes, ACKNOWLEDGEMENT_PROPERTIES) : {};
  if (bytes.length > 0) refuse(MALFORMED);
  return { type, packetIdentifier, reasonCode, properties };
}

/** A PUBLISH, PUBACK, PUBREC, PUBREL or PUBCOMP of a client, read in the plainest way there is. */
export function decodeNaively(firstByte: number, body: Uint8Array, version: ProtocolVersion): Naive {
  const bytes = new Bytes(body);
  const flags = firstByte & 15;
  const types = ["", "", "", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"] as const;
  const type = types[firstByte >> 4] || refuse(MALFORMED);
  try {
    if (type === "PUBLISH") return publishOf(flags, bytes, version);
    return acknowledgementOf(type, flags, bytes, version);
  } catch (error) {
    if (error instanceof Refusal) return error.reasonCode;
    throw error;
  }
}
