import type { ProtocolVersion } from "@dunlin/protocol";
import type { MemoryBudget } from "../memory-budget.ts";
import type { PacketSink } from "../ports/packet-sink.ts";
import type { DeliveryState, RecoveredSession, SessionRecord, SubscriptionRecord } from "../ports/store.ts";
import { Timed } from "../timer-wheel.ts";
import { InflightWindow } from "./inflight-window.ts";
import { MessageQueue } from "./message-queue.ts";
import { PacketIdentifierSet } from "./packet-identifier-set.ts";
import type { PendingWill } from "./pending-will.ts";
import type { SharedInflight } from "./shared-inflight.ts";

/** Session Expiry Interval that means for ever [MQTT 5.0, 3.1.2.11.2]. */
export const NEVER_EXPIRES = 0xffffffff;

const NO_SUBSCRIPTIONS: ReadonlyMap<string, SubscriptionRecord> = new Map();

/** What a Session has around it. */
export interface SessionKeeper {
  /** Counts what all sessions keep beside their messages: Client Identifiers, Topic Filters, wills. */
  readonly stateMemory: MemoryBudget;
  /** Kept apart, because ending a session reaches all over the broker. */
  onSessionDeadline(session: Session): void;
}

/** A message of the inbox that is ready to be sent. */
export interface InboxPage {
  readonly sequence: number;
  readonly flags: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly body: Uint8Array;
}

/**
 * The state that belongs to a Client Identifier [MQTT 5.0, 4.1]. A session that outlives its connections is
 * `stored`: its QoS 1 and 2 messages go through the inbox in the store. Any other keeps them in memory.
 */
export class Session extends Timed {
  readonly clientId: string;
  readonly number: number;
  readonly stored: boolean;
  readonly #keeper: SessionKeeper;

  protocolVersion: ProtocolVersion;
  userName: string | undefined;
  expiryIntervalSeconds = 0;
  /** Milliseconds since the epoch; 0 while connected; Infinity: never. */
  expiresAtMs = 0;
  /** The connection, while there is one. */
  sink: PacketSink | null = null;
  #subscriptions: Map<string, SubscriptionRecord> | undefined;
  /** QoS 2 Packet Identifiers received in PUBLISH and not yet released by PUBREL [MQTT-4.3.3-10]. */
  readonly inboundQoS2: PacketIdentifierSet = new PacketIdentifierSet();
  readonly window: InflightWindow;
  #will: PendingWill | undefined;
  #stateBytes = 0;

  /** QoS 1 and 2 messages that wait for the window (not `stored`). */
  readonly queue: MessageQueue = new MessageQueue();
  /** Only where a message came through a Shared Subscription (not `stored`). */
  sharedInflight: SharedInflight | undefined;

  /** The sequence number that the next inbox message gets (`stored`). */
  nextSequence = 0;
  /** Inbox messages below are stored, and may be sent (`stored`). */
  storedBefore = 0;
  /** Inbox messages and bytes not yet acknowledged (`stored`). */
  queuedMessages = 0;
  queuedBytes = 0;
  /** Inbox messages read from the store, to be sent next (`stored`). */
  page: readonly InboxPage[] = [];
  pageIndex = 0;
  reading = false;
  ended = false;

  constructor(
    clientId: string,
    sessionNumber: number,
    protocolVersion: ProtocolVersion,
    stored: boolean,
    keeper: SessionKeeper,
    recovered?: RecoveredSession,
  ) {
    super();
    this.clientId = clientId;
    this.number = sessionNumber;
    this.protocolVersion = protocolVersion;
    this.stored = stored;
    this.#keeper = keeper;
    this.#keep(clientId.length);
    const first = recovered?.state.firstUnacknowledged ?? 0;
    this.window = new InflightWindow(first, recovered?.state.sentBefore ?? 0);
    if (recovered !== undefined) this.#recover(recovered);
  }

  get will(): PendingWill | undefined {
    return this.#will;
  }

  set will(will: PendingWill | undefined) {
    this.#keep((will?.body.length ?? 0) - (this.#will?.body.length ?? 0));
    this.#will = will;
  }

  get connected(): boolean {
    return this.sink !== null;
  }

  /** By Topic Filter, `$share/` included. */
  get subscriptions(): ReadonlyMap<string, SubscriptionRecord> {
    return this.#subscriptions ?? NO_SUBSCRIPTIONS;
  }

  setSubscription(subscription: SubscriptionRecord): void {
    this.#subscriptions ??= new Map();
    if (!this.#subscriptions.has(subscription.topicFilter)) this.#keep(subscription.topicFilter.length);
    this.#subscriptions.set(subscription.topicFilter, subscription);
  }

  /** False where there was none. */
  deleteSubscription(topicFilter: string): boolean {
    if (this.#subscriptions?.delete(topicFilter) !== true) return false;
    this.#keep(-topicFilter.length);
    return true;
  }

  /** Bytes of the memory budget that its messages hold (not `stored`). */
  get heldBytes(): number {
    return this.queue.heldBytes + (this.sharedInflight?.bytes ?? 0);
  }

  /** The session has ended: what it keeps is free. */
  release(): void {
    this.#keep(-this.#stateBytes);
  }

  #keep(bytes: number): void {
    this.#stateBytes += bytes;
    this.#keeper.stateMemory.add(bytes);
  }

  get record(): SessionRecord {
    return {
      sessionNumber: this.number,
      clientId: this.ended ? "" : this.clientId,
      protocolVersion: this.protocolVersion,
      sessionExpiryIntervalSeconds: this.expiryIntervalSeconds,
      expiresAtMs: this.expiresAtMs,
      userName: this.userName,
    };
  }

  get deliveryState(): DeliveryState {
    const { acknowledged, released } = this.window.saved();
    return {
      firstUnacknowledged: this.window.first,
      sentBefore: this.window.sentBefore,
      acknowledged,
      released,
      inboundPacketIdentifiers: this.inboundQoS2.toArray(),
    };
  }

  /** A message of the inbox needs no further delivery (`stored`). */
  inboxMessageDone(bytes: number): void {
    this.queuedMessages--;
    this.queuedBytes = this.queuedMessages === 0 ? 0 : this.queuedBytes - bytes;
  }

  override onDeadline(): void {
    this.#keeper.onSessionDeadline(this);
  }

  #recover(recovered: RecoveredSession): void {
    const { record, state } = recovered;
    this.userName = record.userName;
    this.expiryIntervalSeconds = record.sessionExpiryIntervalSeconds;
    this.expiresAtMs = record.expiresAtMs;
    for (const subscription of recovered.subscriptions) {
      this.setSubscription(subscription);
    }
    for (const identifier of state.inboundPacketIdentifiers) this.inboundQoS2.add(identifier);
    this.window.restore(state.acknowledged, state.released);
    this.nextSequence = this.storedBefore = recovered.nextSequence;
    this.queuedMessages = recovered.queuedMessages;
    this.queuedBytes = recovered.queuedBytes;
  }
}
