import { type Properties, propertyTable } from "./property-table.ts";
import type { Version } from "./wire-writer.ts";

export type ServerPacketType =
  | "CONNACK"
  | "PUBLISH"
  | "PUBACK"
  | "PUBREC"
  | "PUBREL"
  | "PUBCOMP"
  | "SUBACK"
  | "UNSUBACK"
  | "PINGRESP"
  | "DISCONNECT"
  | "AUTH";

/** What a server sent. A field that the packet does not have holds 0, false or nothing. */
export interface ServerPacket {
  type: ServerPacketType;
  /** The whole packet. */
  bytes: Buffer;
  packetIdentifier: number;
  reasonCode: number;
  reasonCodes: number[];
  sessionPresent: boolean;
  topicName: string;
  payload: string;
  qos: number;
  dup: boolean;
  retain: boolean;
  properties: Properties;
}

interface PacketRules {
  readonly type: ServerPacketType;
  /** Bits 3 to 0 of the first byte; absent where they carry something [MQTT-2.1.3-1]. */
  readonly flags?: number;
  readonly reasonCodes: readonly number[];
}

const publishCodes = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const releaseCodes = [0x00, 0x92];

/** What a server may send, by the number of the packet type. */
const rules: ReadonlyMap<number, PacketRules> = new Map([
  [
    2,
    {
      type: "CONNACK",
      flags: 0,
      reasonCodes: [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99,
        0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
      ],
    },
  ],
  [3, { type: "PUBLISH", reasonCodes: [] }],
  [4, { type: "PUBACK", flags: 0, reasonCodes: publishCodes }],
  [5, { type: "PUBREC", flags: 0, reasonCodes: publishCodes }],
  [6, { type: "PUBREL", flags: 2, reasonCodes: releaseCodes }],
  [7, { type: "PUBCOMP", flags: 0, reasonCodes: releaseCodes }],
  [
    9,
    {
      type: "SUBACK",
      flags: 0,
      reasonCodes: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
    },
  ],
  [11, { type: "UNSUBACK", flags: 0, reasonCodes: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91] }],
  [13, { type: "PINGRESP", flags: 0, reasonCodes: [] }],
  [
    14,
    {
      type: "DISCONNECT",
      flags: 0,
      reasonCodes: [
        0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
        0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
      ],
    },
  ],
  [15, { type: "AUTH", flags: 0, reasonCodes: [0x00, 0x18] }],
] satisfies [number, PacketRules][]);

const subackCodesBefore5: readonly number[] = [0, 1, 2, 0x80];
const connackCodesBefore5: readonly number[] = [0, 1, 2, 3, 4, 5];

/** Reads the fields of one packet and fails at the first rule that it breaks. */
class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Buffer {
    if (length > this.left) throw new Error(`a field of ${length} bytes ends after the packet`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  varint(): number {
    const start = this.#at;
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 21) throw new Error("a variable byte integer of more than 4 bytes");
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        // The minimum number of bytes [MQTT-1.5.5-1].
        if (byte === 0 && this.#at - start > 1) throw new Error("a variable byte integer is too long");
        return value;
      }
    }
  }

  binary(): Buffer {
    return this.take(this.u16());
  }

  string(): string {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.binary());
    if (text.includes("\0")) throw new Error("a string holds U+0000");
    return text;
  }

  property(kind: string): unknown {
    switch (kind) {
      case "byte":
        return this.byte();
      case "u16":
        return this.u16();
      case "u32":
        return this.take(4).readUInt32BE();
      case "varint":
        return this.varint();
      case "binary":
        return this.binary();
      case "string":
        return this.string();
      default:
        return [this.string(), this.string()];
    }
  }
}

function readProperties(cursor: Cursor, type: ServerPacketType): Properties {
  const section = cursor.take(cursor.varint());
  const inner = new Cursor(section, 0);
  const found: Record<string, unknown> = {};
  while (inner.left > 0) {
    const id = inner.varint();
    const row = propertyTable.find((candidate) => candidate.id === id);
    if (row === undefined || !row.serverPackets.includes(type)) {
      throw new Error(`property 0x${id.toString(16)} may not stand in ${type} from a server`);
    }
    const value = inner.property(row.kind);
    if (row.kind === "pair" || row.kind === "varint") {
      found[row.name] = [...((found[row.name] as unknown[]) ?? []), value];
    } else if (row.name in found) {
      throw new Error(`property ${row.name} stands twice in ${type}`);
    } else {
      found[row.name] = value;
    }
  }
  return found as Properties;
}

function readPublish(cursor: Cursor, firstByte: number, version: Version, out: ServerPacket): void {
  out.qos = (firstByte >> 1) & 3;
  out.dup = (firstByte & 8) !== 0;
  out.retain = (firstByte & 1) !== 0;
  if (out.qos === 3) throw new Error("PUBLISH has both QoS bits set");
  if (out.qos === 0 && out.dup) throw new Error("PUBLISH has DUP with QoS 0");
  out.topicName = cursor.string();
  if (/[#+]/.test(out.topicName)) throw new Error("PUBLISH has a wildcard in its Topic Name");
  if (out.qos > 0) {
    out.packetIdentifier = cursor.u16();
    if (out.packetIdentifier === 0) throw new Error("PUBLISH has Packet Identifier 0");
  }
  if (version === 5) out.properties = readProperties(cursor, "PUBLISH");
  out.payload = cursor.take(cursor.left).toString();
}

function readCodeAndProperties(cursor: Cursor, type: ServerPacketType, out: ServerPacket): void {
  if (cursor.left > 0) out.reasonCode = cursor.byte();
  if (cursor.left > 0) out.properties = readProperties(cursor, type);
}

function readBody(cursor: Cursor, type: ServerPacketType, version: Version, out: ServerPacket): void {
  switch (type) {
    case "CONNACK": {
      const flags = cursor.byte();
      if (flags > 1) throw new Error("CONNACK has reserved flags set [MQTT-3.2.2-1]");
      out.sessionPresent = flags === 1;
      out.reasonCode = cursor.byte();
      if (version === 5) out.properties = readProperties(cursor, type);
      return;
    }
    case "PUBACK":
    case "PUBREC":
    case "PUBREL":
    case "PUBCOMP":
      out.packetIdentifier = cursor.u16();
      if (version === 5) readCodeAndProperties(cursor, type, out);
      return;
    case "SUBACK":
    case "UNSUBACK":
      out.packetIdentifier = cursor.u16();
      if (version === 5) out.properties = readProperties(cursor, type);
      if (version === 5 || type === "SUBACK") out.reasonCodes = [...cursor.take(cursor.left)];
      return;
    case "DISCONNECT":
    case "AUTH":
      if (version !== 5) throw new Error(`a server may not send ${type} before MQTT 5.0`);
      readCodeAndProperties(cursor, type, out);
      return;
    default:
      return;
  }
}

function allowedCodes(rule: PacketRules, version: Version): readonly number[] {
  if (version === 5) return rule.reasonCodes;
  if (rule.type === "SUBACK") return subackCodesBefore5;
  return rule.type === "CONNACK" ? connackCodesBefore5 : [0];
}

/** Length of the packet at the start of `bytes`, or undefined where more bytes are needed to tell or to fill it. */
export function packetLength(bytes: Buffer): number | undefined {
  let length = 0;
  for (let at = 1; at < bytes.length; at++) {
    const byte = bytes.readUInt8(at);
    length += (byte & 0x7f) * 2 ** (7 * (at - 1));
    if (byte < 0x80) {
      if (byte === 0 && at > 1) throw new Error("the Remaining Length takes more bytes than it needs");
      const total = at + 1 + length;
      return total <= bytes.length ? total : undefined;
    }
    if (at === 4) throw new Error("the Remaining Length has more than 4 bytes");
  }
  return undefined;
}

export function emptyPacket(type: ServerPacketType, bytes: Buffer): ServerPacket {
  return {
    type,
    bytes,
    packetIdentifier: 0,
    reasonCode: 0,
    reasonCodes: [],
    sessionPresent: false,
    topicName: "",
    payload: "",
    qos: 0,
    dup: false,
    retain: false,
    properties: {},
  };
}

/** Reads one whole packet, strictly: whatever a server may not send is an error. */
export function readServerPacket(bytes: Buffer, version: Version): ServerPacket {
  const firstByte = bytes.readUInt8();
  const rule = rules.get(firstByte >> 4);
  if (rule === undefined) throw new Error(`a server may not send packet type ${firstByte >> 4}`);
  if (rule.flags !== undefined && (firstByte & 0x0f) !== rule.flags) {
    throw new Error(`${rule.type} has flags ${firstByte & 0x0f} instead of ${rule.flags}`);
  }
  const out = emptyPacket(rule.type, bytes);
  const cursor = new Cursor(bytes, 1);
  cursor.varint();
  if (rule.type === "PUBLISH") readPublish(cursor, firstByte, version, out);
  else readBody(cursor, rule.type, version, out);
  if (cursor.left > 0) throw new Error(`${rule.type} is followed by ${cursor.left} bytes of its own length`);
  const codes = rule.type === "SUBACK" || rule.type === "UNSUBACK" ? out.reasonCodes : [out.reasonCode];
  const allowed = allowedCodes(rule, version);
  const wrong = rule.reasonCodes.length === 0 ? undefined : codes.find((code) => !allowed.includes(code));
  if (wrong !== undefined) throw new Error(`${rule.type} may not carry reason code 0x${wrong.toString(16)}`);
  return out;
}
