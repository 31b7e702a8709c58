/** The properties of MQTT 5.0 by the names of its section 2.2.2.2, in the units of the wire. */
export interface Properties {
  payloadFormatIndicator?: number;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  subscriptionIdentifier?: number[];
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  serverKeepAlive?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: number;
  willDelayInterval?: number;
  requestResponseInformation?: number;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQoS?: number;
  retainAvailable?: number;
  userProperty?: [name: string, value: string][];
  maximumPacketSize?: number;
  wildcardSubscriptionAvailable?: number;
  subscriptionIdentifierAvailable?: number;
  sharedSubscriptionAvailable?: number;
}

export type PropertyKind = "byte" | "u16" | "u32" | "varint" | "binary" | "string" | "pair";

export interface PropertyRow {
  readonly id: number;
  readonly name: keyof Properties;
  readonly kind: PropertyKind;
  /** Packets in which a server may send it. */
  readonly serverPackets: readonly string[];
}

const acknowledgements = ["PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK"];

/** Written out from the specification rather than imported, so that an error of the broker's codec shows. */
export const propertyTable: readonly PropertyRow[] = [
  { id: 0x01, name: "payloadFormatIndicator", kind: "byte", serverPackets: ["PUBLISH"] },
  { id: 0x02, name: "messageExpiryInterval", kind: "u32", serverPackets: ["PUBLISH"] },
  { id: 0x03, name: "contentType", kind: "string", serverPackets: ["PUBLISH"] },
  { id: 0x08, name: "responseTopic", kind: "string", serverPackets: ["PUBLISH"] },
  { id: 0x09, name: "correlationData", kind: "binary", serverPackets: ["PUBLISH"] },
  { id: 0x0b, name: "subscriptionIdentifier", kind: "varint", serverPackets: ["PUBLISH"] },
  { id: 0x11, name: "sessionExpiryInterval", kind: "u32", serverPackets: ["CONNACK"] },
  { id: 0x12, name: "assignedClientIdentifier", kind: "string", serverPackets: ["CONNACK"] },
  { id: 0x13, name: "serverKeepAlive", kind: "u16", serverPackets: ["CONNACK"] },
  { id: 0x15, name: "authenticationMethod", kind: "string", serverPackets: ["CONNACK", "AUTH"] },
  { id: 0x16, name: "authenticationData", kind: "binary", serverPackets: ["CONNACK", "AUTH"] },
  { id: 0x17, name: "requestProblemInformation", kind: "byte", serverPackets: [] },
  { id: 0x18, name: "willDelayInterval", kind: "u32", serverPackets: [] },
  { id: 0x19, name: "requestResponseInformation", kind: "byte", serverPackets: [] },
  { id: 0x1a, name: "responseInformation", kind: "string", serverPackets: ["CONNACK"] },
  { id: 0x1c, name: "serverReference", kind: "string", serverPackets: ["CONNACK", "DISCONNECT"] },
  {
    id: 0x1f,
    name: "reasonString",
    kind: "string",
    serverPackets: ["CONNACK", "DISCONNECT", "AUTH", ...acknowledgements],
  },
  { id: 0x21, name: "receiveMaximum", kind: "u16", serverPackets: ["CONNACK"] },
  { id: 0x22, name: "topicAliasMaximum", kind: "u16", serverPackets: ["CONNACK"] },
  { id: 0x23, name: "topicAlias", kind: "u16", serverPackets: ["PUBLISH"] },
  { id: 0x24, name: "maximumQoS", kind: "byte", serverPackets: ["CONNACK"] },
  { id: 0x25, name: "retainAvailable", kind: "byte", serverPackets: ["CONNACK"] },
  {
    id: 0x26,
    name: "userProperty",
    kind: "pair",
    serverPackets: ["CONNACK", "PUBLISH", "DISCONNECT", "AUTH", ...acknowledgements],
  },
  { id: 0x27, name: "maximumPacketSize", kind: "u32", serverPackets: ["CONNACK"] },
  { id: 0x28, name: "wildcardSubscriptionAvailable", kind: "byte", serverPackets: ["CONNACK"] },
  { id: 0x29, name: "subscriptionIdentifierAvailable", kind: "byte", serverPackets: ["CONNACK"] },
  { id: 0x2a, name: "sharedSubscriptionAvailable", kind: "byte", serverPackets: ["CONNACK"] },
];
