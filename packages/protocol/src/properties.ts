import { type PacketName, PacketType, type Sender } from "./packet-type.ts";

/** What a property block belongs to: a packet, or the Will Message inside CONNECT. */
export type PropertyOwner = PacketName | "WILL";

/** Data types of property values [MQTT 5.0, 2.2.2.2]. */
export const PropertyType = {
  Byte: 0,
  TwoByteInteger: 1,
  FourByteInteger: 2,
  VariableByteInteger: 3,
  Utf8String: 4,
  Utf8StringPair: 5,
  BinaryData: 6,
} as const;

export type PropertyType = (typeof PropertyType)[keyof typeof PropertyType];

/** "bit" is a number and "boolean" a boolean, both 0 or 1 on the wire; "topicName" is a string without wildcards. */
export type PropertyRange = "any" | "bit" | "boolean" | "nonzero" | "topicName";

export interface PropertyDefinition {
  readonly id: number;
  /** The spec's name. */
  readonly label: string;
  /** The key in the packet's `properties`. */
  readonly name: string;
  readonly type: PropertyType;
  readonly range: PropertyRange;
  readonly repeatable: boolean;
  readonly owners: readonly PropertyOwner[];
  /** Owners that may carry it from one side only. */
  readonly senders: { readonly [Owner in PropertyOwner]?: Sender };
}

function define(
  id: number,
  label: string,
  name: string,
  type: PropertyType,
  owners: readonly PropertyOwner[],
  rest: Partial<Pick<PropertyDefinition, "range" | "repeatable" | "senders">> = {},
): PropertyDefinition {
  return { id, label, name, type, range: "any", repeatable: false, owners, senders: {}, ...rest };
}

const { Byte, TwoByteInteger, FourByteInteger, VariableByteInteger, Utf8String, Utf8StringPair, BinaryData } =
  PropertyType;

const REASON_OWNERS: readonly PropertyOwner[] = [
  "CONNACK",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  "SUBACK",
  "UNSUBACK",
  "DISCONNECT",
  "AUTH",
];

/** Every property of MQTT 5.0, Table 2-4; decoding and encoding both work from it. */
export const PROPERTIES: readonly PropertyDefinition[] = [
  define(0x01, "Payload Format Indicator", "payloadFormatIndicator", Byte, ["PUBLISH", "WILL"], {
    range: "bit",
  }),
  define(0x02, "Message Expiry Interval", "messageExpiryIntervalSeconds", FourByteInteger, [
    "PUBLISH",
    "WILL",
  ]),
  define(0x03, "Content Type", "contentType", Utf8String, ["PUBLISH", "WILL"]),
  define(0x08, "Response Topic", "responseTopic", Utf8String, ["PUBLISH", "WILL"], { range: "topicName" }),
  define(0x09, "Correlation Data", "correlationData", BinaryData, ["PUBLISH", "WILL"]),
  define(0x0b, "Subscription Identifier", "subscriptionIdentifiers", VariableByteInteger, ["PUBLISH"], {
    range: "nonzero",
    repeatable: true,
    senders: { PUBLISH: "server" }, // [MQTT-3.3.4-6]
  }),
  define(0x0b, "Subscription Identifier", "subscriptionIdentifier", VariableByteInteger, ["SUBSCRIBE"], {
    range: "nonzero",
  }),
  define(
    0x11,
    "Session Expiry Interval",
    "sessionExpiryIntervalSeconds",
    FourByteInteger,
    ["CONNECT", "CONNACK", "DISCONNECT"],
    { senders: { DISCONNECT: "client" } }, // [MQTT-3.14.2-2]
  ),
  define(0x12, "Assigned Client Identifier", "assignedClientIdentifier", Utf8String, ["CONNACK"]),
  define(0x13, "Server Keep Alive", "serverKeepAliveSeconds", TwoByteInteger, ["CONNACK"]),
  define(0x15, "Authentication Method", "authenticationMethod", Utf8String, ["CONNECT", "CONNACK", "AUTH"]),
  define(0x16, "Authentication Data", "authenticationData", BinaryData, ["CONNECT", "CONNACK", "AUTH"]),
  define(0x17, "Request Problem Information", "requestProblemInformation", Byte, ["CONNECT"], {
    range: "boolean",
  }),
  define(0x18, "Will Delay Interval", "willDelayIntervalSeconds", FourByteInteger, ["WILL"]),
  define(0x19, "Request Response Information", "requestResponseInformation", Byte, ["CONNECT"], {
    range: "boolean",
  }),
  define(0x1a, "Response Information", "responseInformation", Utf8String, ["CONNACK"]),
  define(0x1c, "Server Reference", "serverReference", Utf8String, ["CONNACK", "DISCONNECT"], {
    senders: { DISCONNECT: "server" },
  }),
  define(0x1f, "Reason String", "reasonString", Utf8String, REASON_OWNERS),
  define(0x21, "Receive Maximum", "receiveMaximum", TwoByteInteger, ["CONNECT", "CONNACK"], {
    range: "nonzero",
  }),
  define(0x22, "Topic Alias Maximum", "topicAliasMaximum", TwoByteInteger, ["CONNECT", "CONNACK"]),
  define(0x23, "Topic Alias", "topicAlias", TwoByteInteger, ["PUBLISH"], { range: "nonzero" }),
  define(0x24, "Maximum QoS", "maximumQoS", Byte, ["CONNACK"], { range: "bit" }),
  define(0x25, "Retain Available", "retainAvailable", Byte, ["CONNACK"], { range: "boolean" }),
  define(
    0x26,
    "User Property",
    "userProperties",
    Utf8StringPair,
    [...REASON_OWNERS, "CONNECT", "WILL", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE"],
    { repeatable: true },
  ),
  define(0x27, "Maximum Packet Size", "maximumPacketSize", FourByteInteger, ["CONNECT", "CONNACK"], {
    range: "nonzero",
  }),
  define(0x28, "Wildcard Subscription Available", "wildcardSubscriptionAvailable", Byte, ["CONNACK"], {
    range: "boolean",
  }),
  define(0x29, "Subscription Identifiers Available", "subscriptionIdentifiersAvailable", Byte, ["CONNACK"], {
    range: "boolean",
  }),
  define(0x2a, "Shared Subscription Available", "sharedSubscriptionAvailable", Byte, ["CONNACK"], {
    range: "boolean",
  }),
];

/** Ids are variable byte integers, yet all that the spec gives out fit one byte. */
export const LAST_PROPERTY_ID = 0x2a;

/** Property definitions of one owner, by id. */
export type PropertySet = readonly (PropertyDefinition | undefined)[];

function propertySetOf(owner: PropertyOwner): PropertySet {
  return Array.from({ length: LAST_PROPERTY_ID + 1 }, (_, id) =>
    PROPERTIES.find((property) => property.id === id && property.owners.includes(owner)),
  );
}

/** For each owner, its properties by id. */
export const PROPERTY_SETS: { readonly [Owner in PropertyOwner]: PropertySet } = Object.fromEntries(
  [...(Object.keys(PacketType) as PacketName[]), "WILL" as const].map((owner) => [
    owner,
    propertySetOf(owner),
  ]),
) as { [Owner in PropertyOwner]: PropertySet };

/** For each owner, its properties in the order in which they are written. */
export const PROPERTY_LISTS: { readonly [Owner in PropertyOwner]: readonly PropertyDefinition[] } =
  Object.fromEntries(
    Object.entries(PROPERTY_SETS).map(([owner, set]) => [
      owner,
      set.filter((property) => property !== undefined),
    ]),
  ) as { [Owner in PropertyOwner]: PropertyDefinition[] };
