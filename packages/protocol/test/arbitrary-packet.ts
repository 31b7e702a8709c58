import fc from "fast-check";
import {
  type ControlPacket,
  isReasonCodeOf,
  isSharedFilter,
  type PacketName,
  PacketType,
  PROPERTIES,
  type PropertyDefinition,
  type PropertyOwner,
  PropertyType,
  type ProtocolVersion,
  type Sender,
} from "../src/index.ts";
import {
  arbitraryBytes,
  arbitraryText,
  arbitraryTopicFilter,
  arbitraryTopicName,
} from "./arbitrary-topic.ts";

const CLIENT_PACKETS: readonly PacketName[] = ["CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"];
const SERVER_PACKETS: readonly PacketName[] = ["CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"];

/** The packets that `sender` may send in `version`. */
export function packetNames(version: ProtocolVersion, sender: Sender): PacketName[] {
  const foreign = sender === "client" ? SERVER_PACKETS : CLIENT_PACKETS;
  return (Object.keys(PacketType) as PacketName[]).filter((name) => {
    if (foreign.includes(name)) return false;
    if (name === "AUTH") return version === 5;
    return name !== "DISCONNECT" || version === 5 || sender === "client";
  });
}

/** Any packet that `sender` may send in `version`, exactly as the decoder gives it. */
export function arbitraryPacket(version: ProtocolVersion, sender: Sender): fc.Arbitrary<ControlPacket> {
  return fc.oneof(...packetNames(version, sender).map((name) => arbitraryPacketOf(name, version, sender)));
}

export function arbitraryPacketOf(
  name: PacketName,
  version: ProtocolVersion,
  sender: Sender,
): fc.Arbitrary<ControlPacket> {
  switch (name) {
    case "CONNECT":
      return arbitraryConnect(version);
    case "CONNACK":
      return arbitraryConnack(version);
    case "PUBLISH":
      return arbitraryPublish(version, sender);
    case "PUBACK":
    case "PUBREC":
    case "PUBREL":
    case "PUBCOMP":
      return packet(name, {
        packetIdentifier: arbitraryIdentifier,
        reasonCode: version === 5 ? arbitraryReasonCode(name) : fc.constant(0),
        properties: arbitraryProperties(name, version, sender),
      });
    case "SUBSCRIBE":
      return packet(name, {
        packetIdentifier: arbitraryIdentifier,
        subscriptions: fc.array(arbitrarySubscription(version), { minLength: 1, maxLength: 4 }),
        properties: arbitraryProperties(name, version, sender),
      });
    case "UNSUBSCRIBE":
      return packet(name, {
        packetIdentifier: arbitraryIdentifier,
        topicFilters: fc.array(arbitraryTopicFilter, { minLength: 1, maxLength: 4 }),
        properties: arbitraryProperties(name, version, sender),
      });
    case "SUBACK":
    case "UNSUBACK":
      return packet(name, {
        packetIdentifier: arbitraryIdentifier,
        reasonCodes: arbitraryReasonCodes(name, version),
        properties: arbitraryProperties(name, version, sender),
      });
    case "PINGREQ":
    case "PINGRESP":
      return packet(name, {});
    case "DISCONNECT":
      return packet(name, {
        reasonCode: version === 5 ? arbitraryDisconnectReason(sender) : fc.constant(0),
        properties: arbitraryProperties(name, version, sender),
      });
    case "AUTH":
      return arbitraryAuth(sender);
  }
}

const arbitraryIdentifier: fc.Arbitrary<number> = fc.integer({ min: 1, max: 0xffff });

/** The fields must be those of the packet `type`; a key that is undefined is left out. */
function packet(
  type: PacketName,
  fields: { [field: string]: fc.Arbitrary<unknown> },
  optional: readonly string[] = [],
): fc.Arbitrary<ControlPacket> {
  const all: { [field: string]: fc.Arbitrary<unknown> } = { type: fc.constant(type), ...fields };
  const requiredKeys = Object.keys(all).filter((key) => !optional.includes(key));
  return fc.record(all, { requiredKeys, noNullPrototype: true }) as unknown as fc.Arbitrary<ControlPacket>;
}

function arbitraryReasonCode(name: PacketName): fc.Arbitrary<number> {
  return fc.constantFrom(
    ...Array.from({ length: 256 }, (_, code) => code).filter((code) => isReasonCodeOf(name, code)),
  );
}

function arbitraryReasonCodes(name: "SUBACK" | "UNSUBACK", version: ProtocolVersion): fc.Arbitrary<number[]> {
  if (version !== 5 && name === "UNSUBACK") return fc.constant([]);
  const code = version === 5 ? arbitraryReasonCode(name) : fc.constantFrom(0, 1, 2, 0x80);
  return fc.array(code, { minLength: 1, maxLength: 4 });
}

function arbitraryDisconnectReason(sender: Sender): fc.Arbitrary<number> {
  return arbitraryReasonCode("DISCONNECT").filter((code) => sender === "client" || code !== 0x04);
}

/** Properties of `owner` as `sender` may send them, made from the table that the codec works from. */
export function arbitraryProperties(
  owner: PropertyOwner,
  version: ProtocolVersion,
  sender: Sender,
): fc.Arbitrary<Record<string, unknown>> {
  if (version !== 5) return fc.constant({});
  const fields: { [field: string]: fc.Arbitrary<unknown> } = {};
  for (const property of PROPERTIES) {
    if (!property.owners.includes(owner)) continue;
    if ((property.senders[owner] ?? sender) !== sender) continue;
    const value = arbitraryValue(property);
    fields[property.name] = property.repeatable ? fc.array(value, { minLength: 1, maxLength: 3 }) : value;
  }
  return fc.record(fields, { requiredKeys: [], noNullPrototype: true });
}

function arbitraryValue(property: PropertyDefinition): fc.Arbitrary<unknown> {
  const min = property.range === "nonzero" ? 1 : 0;
  switch (property.type) {
    case PropertyType.Byte:
      return property.range === "boolean" ? fc.boolean() : fc.constantFrom(0, 1);
    case PropertyType.TwoByteInteger:
      return fc.integer({ min, max: 0xffff });
    case PropertyType.FourByteInteger:
      return fc.oneof(fc.integer({ min, max: 0xffff_ffff }), fc.constantFrom(1, 0x7fff_ffff, 0xffff_ffff));
    case PropertyType.VariableByteInteger:
      return fc.oneof(
        fc.integer({ min, max: 268_435_455 }),
        fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455),
      );
    case PropertyType.Utf8String:
      return property.range === "topicName" ? arbitraryTopicName : arbitraryText;
    case PropertyType.Utf8StringPair:
      return fc.tuple(arbitraryText, arbitraryText);
    case PropertyType.BinaryData:
      return arbitraryBytes;
  }
}

function arbitraryConnect(version: ProtocolVersion): fc.Arbitrary<ControlPacket> {
  const properties = arbitraryProperties("CONNECT", version, "client").filter(
    // Authentication Data stands only with an Authentication Method.
    (value) => value["authenticationData"] === undefined || value["authenticationMethod"] !== undefined,
  );
  const fields = {
    protocolVersion: fc.constant(version),
    cleanStart: fc.boolean(),
    keepAliveSeconds: fc.integer({ min: 0, max: 0xffff }),
    clientId: arbitraryText,
    properties,
    will: fc.record(
      {
        topicName: arbitraryTopicName,
        payload: arbitraryBytes,
        qos: fc.constantFrom(0, 1, 2),
        retain: fc.boolean(),
        properties: arbitraryProperties("WILL", version, "client"),
      },
      { noNullPrototype: true },
    ),
    userName: arbitraryText,
    password: arbitraryBytes,
  };
  const optional = ["will", "userName", "password", "bridge"];
  if (version === 5) return packet("CONNECT", fields, optional);
  return packet("CONNECT", { ...fields, bridge: fc.constant(true) }, optional).filter(
    (value) => value.type === "CONNECT" && (value.password === undefined || value.userName !== undefined),
  );
}

function arbitraryConnack(version: ProtocolVersion): fc.Arbitrary<ControlPacket> {
  const properties = arbitraryProperties("CONNACK", version, "server");
  const reasonCode = version === 5 ? arbitraryReasonCode("CONNACK") : fc.integer({ min: 0, max: 5 });
  return fc.oneof(
    packet("CONNACK", { sessionPresent: fc.boolean(), reasonCode: fc.constant(0), properties }),
    packet("CONNACK", { sessionPresent: fc.constant(false), reasonCode, properties }),
  );
}

function arbitraryPublish(version: ProtocolVersion, sender: Sender): fc.Arbitrary<ControlPacket> {
  const fields = {
    topicName: arbitraryTopicName,
    payload: arbitraryBytes,
    retain: fc.boolean(),
    properties: arbitraryProperties("PUBLISH", version, sender),
  };
  const kinds = [
    packet("PUBLISH", { ...fields, qos: fc.constant(0), dup: fc.constant(false) }),
    packet("PUBLISH", {
      ...fields,
      qos: fc.constantFrom(1, 2),
      dup: fc.boolean(),
      packetIdentifier: arbitraryIdentifier,
    }),
  ];
  if (version === 5) {
    const properties = fc
      .tuple(fields.properties, fc.integer({ min: 1, max: 0xffff }))
      .map(([others, topicAlias]) => ({ ...others, topicAlias }));
    const aliased = { ...fields, topicName: fc.constant(""), properties };
    kinds.push(packet("PUBLISH", { ...aliased, qos: fc.constant(0), dup: fc.constant(false) }));
  }
  return fc.oneof(...kinds);
}

function arbitrarySubscription(version: ProtocolVersion): fc.Arbitrary<unknown> {
  const isNew = version === 5;
  return fc
    .record(
      {
        topicFilter: arbitraryTopicFilter,
        qos: fc.constantFrom(0, 1, 2),
        noLocal: isNew ? fc.boolean() : fc.constant(false),
        retainAsPublished: isNew ? fc.boolean() : fc.constant(false),
        retainHandling: isNew ? fc.constantFrom(0, 1, 2) : fc.constant(0),
      },
      { noNullPrototype: true },
    )
    .map((request) => (isSharedFilter(request.topicFilter) ? { ...request, noLocal: false } : request));
}

function arbitraryAuth(sender: Sender): fc.Arbitrary<ControlPacket> {
  const properties = fc
    .tuple(arbitraryProperties("AUTH", 5, sender), arbitraryText)
    .map(([others, authenticationMethod]) => ({ ...others, authenticationMethod }));
  const reasonCode = sender === "client" ? fc.constantFrom(0x18, 0x19) : fc.constantFrom(0x00, 0x18);
  return packet("AUTH", { reasonCode, properties });
}
