import { describe, expect, test } from "vitest";
import {
  type ControlPacket,
  decodePacket,
  encodedSize,
  encodePacket,
  FrameReader,
  ProtocolError,
  type ProtocolVersion,
  peekProtocolVersion,
  type Sender,
} from "../src/index.ts";
import { invalidPacketCases, validPacketCases } from "./packet-cases.ts";
import { bytesOf } from "./packet-notation.ts";

function decode(bytes: Uint8Array, version: ProtocolVersion, sender: Sender): ControlPacket {
  const reader = new FrameReader(bytes.length);
  reader.feed(bytes, 0, bytes.length);
  expect(reader.next()).toBe(true);
  expect(reader.end).toBe(bytes.length);
  return decodePacket(bytes, reader.start, reader.bodyStart, reader.end, version, sender);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("valid packets", () => {
  for (const { title, version, sender, bytes, packet, encoded } of validPacketCases) {
    test(`decodes ${title}`, () => {
      expect(decode(bytesOf(bytes), version, sender)).toStrictEqual(packet);
    });

    test(`encodes ${title}`, () => {
      const expected = bytesOf(encoded ?? bytes);
      expect(encodePacket(packet, version)).toStrictEqual(expected);
      expect(encodedSize(packet, version)).toBe(expected.length);
    });
  }
});

describe("invalid packets", () => {
  for (const { title, version, sender, bytes, reasonCode, clause } of invalidPacketCases) {
    test(`refuses ${title}`, () => {
      const error = thrownBy(() => decode(bytesOf(bytes), version, sender)) as ProtocolError;
      expect(error).toBeInstanceOf(ProtocolError);
      expect({ reasonCode: error.reasonCode, clause: error.clause }).toEqual({ reasonCode, clause });
      expect(error.offset).toBeGreaterThanOrEqual(0);
      expect(error.offset).toBeLessThanOrEqual(bytesOf(bytes).length);
    });
  }

  test("says the packet and what is wrong with it", () => {
    const error = thrownBy(() => decode(bytesOf(`30 ~ "a" {23 0000}`), 5, "client"));
    expect(error).toMatchObject({ message: "PUBLISH: the Topic Alias is 0", packet: "PUBLISH", offset: 6 });
  });

  test.each([
    [`10 ~ "MQTT" 06 02 003c "c"`, "MQTT", 6, 5],
    [`10 ~ "MQTT" 02 02 003c "c"`, "MQTT", 2, 4],
    [`10 ~ "MQIsdp" 04 02 003c "c"`, "MQIsdp", 4, 4],
    [`10 ~ "AMQP" 05 02 003c "c"`, "AMQP", 0, undefined],
  ])("says how %s can be answered", (bytes, protocolName, protocolLevel, connackVersion) => {
    const error = thrownBy(() => decode(bytesOf(bytes), 4, "client"));
    expect(error).toMatchObject({ protocolName, protocolLevel, connackVersion, reasonCode: 0x84 });
  });

  test("the version of a CONNECT can be told though the rest is refused", () => {
    const versionOf = (notation: string): number | undefined => {
      const bytes = bytesOf(notation);
      return peekProtocolVersion(bytes, 2, bytes.length);
    };
    expect(versionOf(`10 ~ "MQTT" 05 ff`)).toBe(5);
    expect(versionOf(`10 ~ "MQTT" 84 01`)).toBe(4);
    expect(versionOf(`10 ~ "MQIsdp" 03`)).toBe(3);
    expect(versionOf(`10 ~ "MQTT" 06`)).toBeUndefined();
    expect(versionOf(`10 ~ "MQTT"`)).toBeUndefined();
  });
});
