import type { ProtocolVersion, QoS, RetainHandling } from "@dunlin/protocol";

/** What an acknowledgement promises: disk survives power loss, os survives kill -9, memory survives nothing. */
export type Durability = "disk" | "os" | "memory";

export interface SessionRecord {
  /** Names the session in all other records; never used again for another one. */
  readonly sessionNumber: number;
  /** Empty: the session has ended, and only its inbox is of use. */
  readonly clientId: string;
  readonly protocolVersion: ProtocolVersion;
  /** 0xFFFFFFFF: never. */
  readonly sessionExpiryIntervalSeconds: number;
  /** When the disconnected session ends, in milliseconds since the epoch; Infinity: never; 0: it is connected. */
  readonly expiresAtMs: number;
  readonly userName: string | undefined;
}

export interface SubscriptionRecord {
  /** With its `$share/{ShareName}/` where it is a Shared Subscription. */
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
  /** 0: none. */
  readonly subscriptionIdentifier: number;
}

/**
 * How far a session's inbox has been delivered. The Packet Identifier of an inbox message is a function of its
 * sequence number, so that it needs no record of its own and is the same after a restart.
 */
export interface DeliveryState {
  /** Every message below has been acknowledged; its inbox entry may go. */
  readonly firstUnacknowledged: number;
  /** Messages below have been sent at least once. */
  readonly sentBefore: number;
  /** Sequence numbers above `firstUnacknowledged` that have been acknowledged. */
  readonly acknowledged: readonly number[];
  /** QoS 2 sequence numbers whose PUBREC has come: PUBREL is what is due. */
  readonly released: readonly number[];
  /** Packet Identifiers of received QoS 2 PUBLISH packets whose PUBREL has not come. */
  readonly inboundPacketIdentifiers: readonly number[];
}

export interface WillRecord {
  /** An encoded message, as in the inbox. */
  readonly body: Uint8Array;
  readonly willDelayIntervalSeconds: number;
  /** When it is due, in milliseconds since the epoch; 0 while its client is connected. */
  readonly publishAtMs: number;
}

export interface InboxReference {
  /** Index of a body in the same group. */
  readonly body: number;
  /** Small integer of the broker's own meaning (QoS, RETAIN ...), 0 to 255. */
  readonly flags: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

/**
 * What one group adds to one session's inbox: sequence numbers `firstSequence`, `firstSequence + 1`, ... It begins at
 * or after the session's next sequence number; those it leaves out are acknowledged.
 */
export interface InboxAppend {
  readonly firstSequence: number;
  readonly references: readonly InboxReference[];
}

/** All that becomes durable together: everything in it, or nothing. */
export interface CommitGroup {
  /** Milliseconds since the epoch; the latest one tells after a crash when the broker was last alive. */
  readonly atMs: number;
  /** Bodies of new messages, each once however many sessions receive it: body i is `bodies[bodyEnds[i - 1] ?? 0, bodyEnds[i])`. */
  readonly bodies: Uint8Array;
  readonly bodyEnds: readonly number[];
  /** By session number. */
  readonly inboxes: ReadonlyMap<number, InboxAppend>;
  /** By session number; null deletes the session with its subscriptions, inbox, state and will. */
  readonly sessions: ReadonlyMap<number, SessionRecord | null>;
  /** By session number, then by topic filter; null deletes. */
  readonly subscriptions: ReadonlyMap<number, ReadonlyMap<string, SubscriptionRecord | null>>;
  readonly deliveryStates: ReadonlyMap<number, DeliveryState>;
  /** By Topic Name; an encoded message, or null to delete. */
  readonly retained: ReadonlyMap<string, Uint8Array | null>;
  /** By session number; null deletes. */
  readonly wills: ReadonlyMap<number, WillRecord | null>;
}

export interface InboxMessage {
  readonly sequence: number;
  readonly flags: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** Valid until the store is closed; the caller does not change it. */
  readonly body: Uint8Array;
}

export interface RecoveredSession {
  readonly record: SessionRecord;
  readonly subscriptions: readonly SubscriptionRecord[];
  readonly state: DeliveryState;
  /** The sequence number the next message will get. */
  readonly nextSequence: number;
  /** Messages and bytes (bodies) in the inbox that are not acknowledged. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly will: WillRecord | undefined;
}

export interface RecoveryVisitor {
  session(session: RecoveredSession): void;
  retained(topicName: string, body: Uint8Array): void;
}

export interface RecoverySummary {
  /** Higher than any session number ever used. */
  readonly nextSessionNumber: number;
  /** `atMs` of the last group; 0 in an empty store. */
  readonly lastAliveAtMs: number;
  /** One line for each thing that was damaged and set aside, fit for a log. */
  readonly quarantined: readonly string[];
}

/**
 * Holds what outlives a connection. Errors are BrokerError with code DUNLIN_STORE (full, damaged, unwritable,
 * foreign: the message names the place and the remedy).
 */
export interface Store {
  readonly durability: Durability;
  /** Bytes that messages in inboxes hold of this process's memory, where that is where they are kept. */
  readonly heldBytes?: number | undefined;
  /** Opens and tells all that is stored, sessions in no particular order. */
  open(visitor: RecoveryVisitor): Promise<RecoverySummary>;
  /**
   * Stores a group; resolves when it is as durable as `durability` says. The broker calls it one at a time, and
   * leaves the group unchanged until it settles; then it uses the memory of the bodies for another one. Within a
   * group, deletion of a session wins over all else that is said of it, and delivery states count for the messages
   * that the same group adds. Where it rejects, nothing of the group is stored and the broker tries again with the
   * same group.
   */
  commit(group: CommitGroup): Promise<void>;
  /**
   * Messages of an inbox in sequence order from `fromSequence` on: at most `maximumMessages`, and no further
   * once `maximumBytes` of bodies are reached (but at least one, if there is one). Acknowledged messages are left
   * out, and so are messages that have been damaged: sequence numbers may have gaps. Empty for unknown sessions.
   */
  readInbox(
    sessionNumber: number,
    fromSequence: number,
    maximumMessages: number,
    maximumBytes: number,
  ): Promise<readonly InboxMessage[]>;
  /** Idempotent. */
  close(): Promise<void>;
}
