import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryPacketOf } from "../test/arbitrary-packet.ts";
import { bytesOf } from "../test/packet-notation.ts";
import { encodePacket } from "./encode-packet.ts";
import type { PublishPacket } from "./packets.ts";
import type { ProtocolVersion } from "./protocol-version.ts";
import {
  MESSAGE_EXPIRY_INTERVAL_SIZE,
  messagePropertiesSize,
  publishSize,
  TOPIC_ALIAS_SIZE,
  writeMessageExpiryInterval,
  writeMessageProperties,
  writePublishHeader,
  writeSubscriptionIdentifier,
  writeTopicAlias,
} from "./publish-writer.ts";
import { encodeUtf8 } from "./utf8.ts";

function writePublish(packet: PublishPacket, version: ProtocolVersion): Uint8Array {
  const topic = encodeUtf8(`//${packet.topicName}//`);
  const propertiesLength = messagePropertiesSize(packet.properties);
  const size = publishSize(version, packet.qos, topic.length - 4, propertiesLength, packet.payload.length);
  const target = new Uint8Array(size + 2);
  const flags = (packet.dup ? 8 : 0) | (packet.qos << 1) | (packet.retain ? 1 : 0);
  let offset = writePublishHeader(
    target,
    1,
    version,
    flags,
    topic,
    2,
    topic.length - 2,
    packet.packetIdentifier ?? 0,
    propertiesLength,
    packet.payload.length,
  );
  if (version === 5) offset = writeMessageProperties(target, offset, packet.properties);
  target.set(packet.payload, offset);
  expect(offset + packet.payload.length).toBe(1 + size);
  return target.subarray(1, 1 + size);
}

test.each([3, 4, 5] as const)("the parts written one by one are the PUBLISH of version %i", (version) => {
  const packets = arbitraryPacketOf("PUBLISH", version, "server");
  fc.assert(
    fc.property(packets, (packet) => {
      expect(writePublish(packet as PublishPacket, version)).toEqual(encodePacket(packet, version));
    }),
  );
});

test("properties before MQTT 5.0 take no room", () => {
  expect(publishSize(4, 0, 3, 1000, 2)).toBe(9);
  expect(publishSize(5, 1, 3, 1000, 118)).toBe(1 + 2 + 5 + 2 + 2 + 1000 + 118);
});

test("single properties are written as the general encoder writes them", () => {
  const target = new Uint8Array(16);
  expect(writeMessageExpiryInterval(target, 1, 0x1234_5678)).toBe(1 + MESSAGE_EXPIRY_INTERVAL_SIZE);
  expect(target.subarray(1, 6)).toEqual(bytesOf("02 12345678"));
  expect(writeTopicAlias(target, 0, 0x1234)).toBe(TOPIC_ALIAS_SIZE);
  expect(target.subarray(0, 3)).toEqual(bytesOf("23 1234"));
  expect(writeSubscriptionIdentifier(target, 2, 268_435_455)).toBe(7);
  expect(target.subarray(2, 7)).toEqual(bytesOf("0b ffffff7f"));
});
