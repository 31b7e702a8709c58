import type { BrokerLimits, ConnectionLimits } from "@dunlin/broker";

export interface LimitSpec {
  readonly unit: "count" | "bytes" | "milliseconds" | "seconds";
  readonly minimum: number;
  readonly maximum: number;
  readonly description: string;
}

/** Two and four byte integers, and the largest packet that MQTT can express (fixed header included). */
const TWO_BYTES = 0xffff;
const FOUR_BYTES = 0xffffffff;
const LARGEST_PACKET = 268_435_460;
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

function count(minimum: number, maximum: number, description: string): LimitSpec {
  return { unit: "count", minimum, maximum, description };
}

function bytes(minimum: number, maximum: number, description: string): LimitSpec {
  return { unit: "bytes", minimum, maximum, description };
}

function seconds(minimum: number, maximum: number, description: string): LimitSpec {
  return { unit: "seconds", minimum, maximum, description };
}

/** The limits that a listener may set for its own connections. The compiler holds the keys to those of the broker. */
export const connectionLimitSpecs: Readonly<Record<keyof ConnectionLimits, LimitSpec>> = {
  maximumConnections: count(1, UNBOUNDED, "Connections open at once."),
  maximumConnectionsPerAddress: count(1, UNBOUNDED, "Connections open at once from one address."),
  connectTimeoutMs: {
    unit: "milliseconds",
    minimum: 1,
    maximum: 0x7fffffff,
    description: "From the network connection to the end of CONNECT.",
  },
  maximumConnectPacketSize: bytes(
    16,
    LARGEST_PACKET,
    "Size of the CONNECT packet; nothing else is read before it.",
  ),
  maximumPacketSize: bytes(
    16,
    LARGEST_PACKET,
    "Size of any packet from a client; MQTT 5.0 clients are told.",
  ),
  maximumKeepAliveSeconds: seconds(
    1,
    TWO_BYTES,
    "Keep Alive beyond which (or instead of 0) MQTT 5.0 clients get this as Server Keep Alive.",
  ),
  receiveMaximum: count(
    1,
    TWO_BYTES,
    "Unacknowledged QoS 1 and 2 publishes of a client; MQTT 5.0 clients are told.",
  ),
  topicAliasMaximum: count(0, TWO_BYTES, "Topic Aliases that a client may set."),
  outboundTopicAliasMaximum: count(
    0,
    TWO_BYTES,
    "Topic Aliases that the broker sets for a client that allows them.",
  ),
  maximumInflight: count(
    1,
    65_534,
    "QoS 1 and 2 messages sent to a client and not yet acknowledged, where its own Receive Maximum is not lower.",
  ),
  maximumOutputBytes: bytes(
    1024,
    UNBOUNDED,
    "Bytes that wait for a client to read. Beyond it QoS 0 is dropped; beyond twice as much the connection is closed.",
  ),
};

export const brokerLimitSpecs: Readonly<Record<keyof BrokerLimits, LimitSpec>> = {
  ...connectionLimitSpecs,
  maximumSessions: count(1, UNBOUNDED, "Sessions, connected or not."),
  maximumSessionExpiryIntervalSeconds: seconds(
    0,
    FOUR_BYTES,
    "Session Expiry Interval that a client may have; 4294967295: for ever.",
  ),
  maximumTopicLength: bytes(1, TWO_BYTES, "Size of a Topic Name or Topic Filter."),
  maximumTopicLevels: count(1, TWO_BYTES, "Levels of a Topic Name or Topic Filter."),
  maximumSubscriptionsPerSession: count(1, UNBOUNDED, "Subscriptions of one session."),
  maximumQueuedMessages: count(0, UNBOUNDED, "Messages of QoS 1 and 2 that wait for one session."),
  maximumQueuedBytes: bytes(0, UNBOUNDED, "Bytes of messages of QoS 1 and 2 that wait for one session."),
  maximumInboundQoS2: count(1, TWO_BYTES, "QoS 2 Packet Identifiers of a client between PUBLISH and PUBREL."),
  maximumRetainedMessages: count(0, UNBOUNDED, "Retained messages."),
  maximumRetainedBytes: bytes(0, UNBOUNDED, "Bytes of all retained messages together."),
  maximumCachedTopics: count(1, UNBOUNDED, "Topics whose routes are remembered."),
  memoryBudgetBytes: bytes(
    1024 * 1024,
    UNBOUNDED,
    "Bytes that all queues, output buffers and unfinished packets may hold together.",
  ),
  maximumPendingCommitBytes: bytes(
    1024,
    UNBOUNDED,
    "Bytes that wait to be stored; beyond it publishers of QoS 1 and 2 are not read from.",
  ),
};
