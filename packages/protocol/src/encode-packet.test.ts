import { describe, expect, test } from "vitest";
import { encodePacket } from "./encode-packet.ts";
import type { ConnectPacket, ControlPacket, PublishPacket, SubscribePacket } from "./packets.ts";

const CONNECT: ConnectPacket = {
  type: "CONNECT",
  protocolVersion: 5,
  cleanStart: true,
  keepAliveSeconds: 0,
  clientId: "c",
  properties: {},
};

const PUBLISH: PublishPacket = {
  type: "PUBLISH",
  topicName: "a",
  payload: new Uint8Array(0),
  qos: 1,
  retain: false,
  dup: false,
  packetIdentifier: 1,
  properties: {},
};

const SUBSCRIBE: SubscribePacket = {
  type: "SUBSCRIBE",
  packetIdentifier: 1,
  subscriptions: [{ topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  properties: {},
};

const NO_ENCODING: [ControlPacket, string][] = [
  [{ ...CONNECT, clientId: "a\0" }, "clientId holds the null character U+0000"],
  [{ ...CONNECT, clientId: "\ud800" }, "clientId holds an unpaired surrogate"],
  [{ ...CONNECT, clientId: "x".repeat(65_536) }, "clientId takes 65536 bytes, more than 65535"],
  [{ ...CONNECT, userName: "\u00fc".repeat(32_768) }, "userName takes 65536 bytes"],
  [{ ...CONNECT, password: new Uint8Array(65_536) }, "password takes 65536 bytes"],
  [{ ...CONNECT, keepAliveSeconds: 65_536 }, "keepAliveSeconds is 65536, not a whole number from 0 to 65535"],
  [{ ...CONNECT, keepAliveSeconds: 1.5 }, "keepAliveSeconds is 1.5"],
  [{ ...CONNECT, bridge: true }, "bridge has no encoding"],
  [{ ...CONNECT, protocolVersion: 4, password: new Uint8Array(1) }, "password needs a userName"],
  [{ ...CONNECT, properties: { receiveMaximum: 0 } }, "receiveMaximum is 0"],
  [
    { ...CONNECT, properties: { sessionExpiryIntervalSeconds: 2 ** 32 } },
    "sessionExpiryIntervalSeconds is 4294967296",
  ],
  [{ ...CONNECT, properties: { userProperties: [["a", "\0"]] } }, "userProperties holds the null character"],
  [{ ...PUBLISH, packetIdentifier: 0 }, "packetIdentifier is 0"],
  [{ ...PUBLISH, packetIdentifier: undefined }, "packetIdentifier is 0"],
  [{ ...PUBLISH, packetIdentifier: 65_536 }, "packetIdentifier is 65536"],
  [{ ...PUBLISH, qos: 3 as 2 }, "qos is 3"],
  [{ ...PUBLISH, topicName: "\udc00" }, "topicName holds an unpaired surrogate"],
  [{ ...PUBLISH, properties: { topicAlias: 0 } }, "topicAlias is 0"],
  [
    { ...PUBLISH, properties: { subscriptionIdentifiers: [1, 268_435_456] } },
    "subscriptionIdentifiers is 268435456",
  ],
  [
    { ...PUBLISH, properties: { messageExpiryIntervalSeconds: Number.NaN } },
    "messageExpiryIntervalSeconds is NaN",
  ],
  [{ ...SUBSCRIBE, subscriptions: [] }, "subscriptions is empty"],
  [{ type: "UNSUBSCRIBE", packetIdentifier: 1, topicFilters: [], properties: {} }, "topicFilters is empty"],
  [{ type: "SUBACK", packetIdentifier: 1, reasonCodes: [256], properties: {} }, "reasonCodes is 256"],
  [{ type: "CONNACK", sessionPresent: false, reasonCode: -1, properties: {} }, "reasonCode is -1"],
];

describe("encodePacket", () => {
  test.each(NO_ENCODING)("refuses %j", (packet, message) => {
    expect(() => encodePacket(packet, 5)).toThrow(RangeError);
    expect(() => encodePacket(packet, 5)).toThrow(message);
  });

  test("refuses more than a Remaining Length can say", () => {
    // Only the length is looked at before the size is checked.
    const payload = { length: 268_435_456 } as Uint8Array;
    expect(() => encodePacket({ ...PUBLISH, payload }, 4)).toThrow("the size of PUBLISH is 268435461");
  });

  test("leaves out before MQTT 5.0 what has no place there", () => {
    const reasonString = "x";
    expect(encodePacket({ ...PUBLISH, properties: { topicAlias: 1 } }, 4)).toEqual(
      encodePacket({ ...PUBLISH, properties: {} }, 3),
    );
    const puback = {
      type: "PUBACK",
      packetIdentifier: 1,
      reasonCode: 0x80,
      properties: { reasonString },
    } as const;
    expect([...encodePacket(puback, 4)]).toEqual([0x40, 2, 0, 1]);
    const disconnect = { type: "DISCONNECT", reasonCode: 4, properties: { reasonString } } as const;
    expect([...encodePacket(disconnect, 4)]).toEqual([0xe0, 0]);
  });
});
