import type { BrokerLimits, ConnectionLimits } from "@dunlin/broker";

export interface LimitSpec {
  readonly unit: "count" | "bytes" | "milliseconds" | "seconds";
  readonly description: string;
}

function count(description: string): LimitSpec {
  return { unit: "count", description };
}

function bytes(description: string): LimitSpec {
  return { unit: "bytes", description };
}

function milliseconds(description: string): LimitSpec {
  return { unit: "milliseconds", description };
}

function seconds(description: string): LimitSpec {
  return { unit: "seconds", description };
}

/** The limits that a listener may set for its own connections. The compiler holds the keys to those of the broker. */
export const connectionLimitSpecs: Readonly<Record<keyof ConnectionLimits, LimitSpec>> = {
  maximumConnections: count("Connections open at once."),
  maximumConnectionsPerAddress: count("Connections open at once from one address."),
  connectTimeoutMs: milliseconds("From the network connection to the end of CONNECT."),
  maximumConnectPacketSize: bytes("Size of the CONNECT packet; nothing else is read before it."),
  maximumPacketSize: bytes("Size of any packet from a client; MQTT 5.0 clients are told."),
  maximumNonPublishPacketSize: bytes("Size of any packet, once connected, but PUBLISH."),
  maximumKeepAliveSeconds: seconds(
    "Keep Alive beyond which (or instead of 0) MQTT 5.0 clients get this as Server Keep Alive.",
  ),
  receiveMaximum: count("Unacknowledged QoS 1 and 2 publishes of a client; MQTT 5.0 clients are told."),
  topicAliasMaximum: count("Topic Aliases that a client may set."),
  outboundTopicAliasMaximum: count("Topic Aliases that the broker sets for a client that allows them."),
  maximumInflight: count(
    "QoS 1 and 2 messages sent to a client and not yet acknowledged, where its own Receive Maximum is not lower.",
  ),
  maximumOutputBytes: bytes(
    "Bytes that wait for a client to read. Beyond it QoS 0 is dropped; beyond twice as much the connection is closed.",
  ),
};

export const brokerLimitSpecs: Readonly<Record<keyof BrokerLimits, LimitSpec>> = {
  ...connectionLimitSpecs,
  maximumSessions: count("Sessions, connected or not."),
  maximumSessionStateBytes: bytes(
    "Bytes of Client Identifiers, Topic Filters and wills of all sessions together.",
  ),
  maximumSessionExpiryIntervalSeconds: seconds(
    "Session Expiry Interval that a client may have; 4294967295: for ever.",
  ),
  maximumTopicLength: bytes("Size of a Topic Name or Topic Filter."),
  maximumTopicLevels: count("Levels of a Topic Name or Topic Filter."),
  maximumSubscriptionsPerSession: count("Subscriptions of one session."),
  maximumQueuedMessages: count("Messages of QoS 1 and 2 that wait for one session."),
  maximumQueuedBytes: bytes("Bytes of messages of QoS 1 and 2 that wait for one session."),
  maximumInboundQoS2: count("QoS 2 Packet Identifiers of a client between PUBLISH and PUBREL."),
  maximumRetainedMessages: count("Retained messages."),
  maximumRetainedBytes: bytes("Bytes of all retained messages together."),
  maximumCachedTopics: count("Topics whose routes are remembered."),
  memoryBudgetBytes: bytes("Bytes that all queues, output buffers and unfinished packets may hold together."),
  maximumPendingCommitBytes: bytes(
    "Bytes that wait to be stored; beyond it publishers of QoS 1 and 2 are not read from.",
  ),
  maximumReadBytesPerTurn: bytes(
    "Bytes that are read from a client in one turn of the event loop; what more it sends waits for the next.",
  ),
  maximumPublishesPerTurn: count("PUBLISH packets of a client that are dealt with before the others' turn."),
  maximumReadMsPerTurn: milliseconds("How long a client's packets may take before the others' turn."),
};
