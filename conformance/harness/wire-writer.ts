import { type Properties, type PropertyKind, propertyTable } from "./property-table.ts";

/** The Protocol Version byte of CONNECT; tests also send wrong ones. */
export type Version = number;

export const bytes = (...values: number[]): Buffer => Buffer.from(values);

export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");

export function u16(value: number): Buffer {
  return bytes(value >> 8, value & 0xff);
}

export function u32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

export function variableByteInteger(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes(...out);
}

/** A UTF-8 Encoded String or Binary Data; a Uint8Array goes out as it is, well-formed or not. */
export function lengthPrefixed(content: string | Uint8Array): Buffer {
  const body = Buffer.from(content as Uint8Array);
  return Buffer.concat([u16(body.length), body]);
}

function propertyValue(kind: PropertyKind, value: unknown): Buffer {
  switch (kind) {
    case "byte":
      return bytes(value as number);
    case "u16":
      return u16(value as number);
    case "u32":
      return u32(value as number);
    case "varint":
      return variableByteInteger(value as number);
    case "pair": {
      const [name, text] = value as [string, string];
      return Buffer.concat([lengthPrefixed(name), lengthPrefixed(text)]);
    }
    default:
      return lengthPrefixed(value as string | Uint8Array);
  }
}

/** Properties without their length, in the order of the object. */
export function propertyBytes(properties: Properties): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(properties)) {
    const row = propertyTable.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Error(`no property is called ${name}`);
    const repeated = row.kind === "pair" || row.kind === "varint";
    for (const one of repeated ? (value as unknown[]) : [value]) {
      parts.push(bytes(row.id), propertyValue(row.kind, one));
    }
  }
  return Buffer.concat(parts);
}

/** Names and values, or the bytes after the Property Length where a test breaks a rule. */
export type PropertySource = Properties | Uint8Array;

export function propertySection(source: PropertySource = {}): Buffer {
  const body = source instanceof Uint8Array ? source : propertyBytes(source);
  return Buffer.concat([variableByteInteger(body.length), body]);
}

/** A packet with the first byte as given and the Remaining Length counted. */
export function packet(firstByte: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([bytes(firstByte), variableByteInteger(body.length), body]);
}

export interface WillFields {
  topicName: string | Uint8Array;
  payload?: string | Uint8Array;
  qos?: number;
  retain?: boolean;
  properties?: PropertySource;
}

export interface ConnectFields {
  version?: Version;
  protocolName?: string;
  cleanStart?: boolean;
  keepAlive?: number;
  clientId?: string | Uint8Array;
  will?: WillFields;
  userName?: string | Uint8Array;
  password?: string | Uint8Array;
  properties?: PropertySource;
  /** Instead of the flags that follow from the other fields. */
  flags?: number;
}

function connectFlags(fields: ConnectFields): number {
  const { will } = fields;
  return (
    (fields.userName === undefined ? 0 : 0x80) |
    (fields.password === undefined ? 0 : 0x40) |
    (will === undefined ? 0 : 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0)) |
    ((fields.cleanStart ?? true) ? 0x02 : 0)
  );
}

export function connect(fields: ConnectFields = {}): Buffer {
  const version = fields.version ?? 5;
  const payload: Buffer[] = [lengthPrefixed(fields.clientId ?? "")];
  if (fields.will !== undefined) {
    if (version === 5) payload.push(propertySection(fields.will.properties));
    payload.push(lengthPrefixed(fields.will.topicName), lengthPrefixed(fields.will.payload ?? ""));
  }
  if (fields.userName !== undefined) payload.push(lengthPrefixed(fields.userName));
  if (fields.password !== undefined) payload.push(lengthPrefixed(fields.password));
  return packet(
    0x10,
    lengthPrefixed(fields.protocolName ?? (version === 3 ? "MQIsdp" : "MQTT")),
    bytes(version, fields.flags ?? connectFlags(fields)),
    u16(fields.keepAlive ?? 0),
    version === 5 ? propertySection(fields.properties) : bytes(),
    ...payload,
  );
}

export interface PublishFields {
  topicName: string | Uint8Array;
  payload?: string | Uint8Array;
  qos?: number;
  retain?: boolean;
  dup?: boolean;
  packetIdentifier?: number;
  properties?: PropertySource;
}

export function publish(fields: PublishFields, version: Version = 5): Buffer {
  const qos = fields.qos ?? 0;
  return packet(
    0x30 | (fields.dup ? 8 : 0) | (qos << 1) | (fields.retain ? 1 : 0),
    lengthPrefixed(fields.topicName),
    fields.packetIdentifier === undefined ? bytes() : u16(fields.packetIdentifier),
    version === 5 ? propertySection(fields.properties) : bytes(),
    Buffer.from((fields.payload ?? "") as Uint8Array),
  );
}

function acknowledgement(firstByte: number) {
  return (packetIdentifier: number, reasonCode?: number, properties?: PropertySource): Buffer =>
    packet(
      firstByte,
      u16(packetIdentifier),
      reasonCode === undefined ? bytes() : bytes(reasonCode),
      properties === undefined ? bytes() : propertySection(properties),
    );
}

type AcknowledgementWriter = (id: number, reasonCode?: number, properties?: PropertySource) => Buffer;
export const puback: AcknowledgementWriter = acknowledgement(0x40);
export const pubrec: AcknowledgementWriter = acknowledgement(0x50);
export const pubrel: AcknowledgementWriter = acknowledgement(0x62);
export const pubcomp: AcknowledgementWriter = acknowledgement(0x70);

/** A Topic Filter with its Subscription Options byte. */
export type FilterAndOptions = readonly [topicFilter: string | Uint8Array, options: number];

export function subscribe(
  packetIdentifier: number,
  filters: readonly FilterAndOptions[],
  properties?: PropertySource,
  version: Version = 5,
): Buffer {
  return packet(
    0x82,
    u16(packetIdentifier),
    version === 5 ? propertySection(properties) : bytes(),
    ...filters.flatMap(([filter, options]) => [lengthPrefixed(filter), bytes(options)]),
  );
}

export function unsubscribe(
  packetIdentifier: number,
  filters: readonly (string | Uint8Array)[],
  properties?: PropertySource,
  version: Version = 5,
): Buffer {
  return packet(
    0xa2,
    u16(packetIdentifier),
    version === 5 ? propertySection(properties) : bytes(),
    ...filters.map(lengthPrefixed),
  );
}

export const pingreq = (): Buffer => packet(0xc0);

export function disconnect(reasonCode?: number, properties?: PropertySource): Buffer {
  return packet(
    0xe0,
    reasonCode === undefined ? bytes() : bytes(reasonCode),
    properties === undefined ? bytes() : propertySection(properties),
  );
}

export function auth(reasonCode: number, properties?: PropertySource): Buffer {
  return packet(0xf0, bytes(reasonCode), propertySection(properties));
}
