import type {
  DeliveryState,
  RecoveredSession,
  SessionRecord,
  SubscriptionRecord,
  WillRecord,
} from "@dunlin/broker";
import type { BatchReferences } from "./batch-references.ts";
import { decodeInboxRun, decodeRunMembers, type InboxRun } from "./inbox-run.ts";
import { recordKind } from "./keys.ts";
import { decodeDeliveryState, decodeSession, decodeSubscription, decodeWill } from "./records.ts";
import { type InboxIndex, maximumHeadRuns } from "./store-memory.ts";

export type RecordOutcome = "kept" | "leftover" | "bodies missing";

const noDeliveryState: DeliveryState = {
  firstUnacknowledged: 0,
  sentBefore: 0,
  acknowledged: [],
  released: [],
  inboundPacketIdentifiers: [],
};

/** Collects the records of one session, which come in the order of their kinds. */
export class SessionRecovery {
  readonly sessionNumber: number;
  readonly #references: BatchReferences;
  readonly #subscriptions: SubscriptionRecord[] = [];
  readonly #head: InboxRun[] = [];
  #record: SessionRecord | undefined;
  #state = noDeliveryState;
  #acknowledged: ReadonlySet<number> = new Set();
  #will: WillRecord | undefined;
  #tail: InboxIndex["tail"] = "none";
  #endSequence = 0;
  #queuedMessages = 0;
  #queuedBytes = 0;

  constructor(sessionNumber: number, references: BatchReferences) {
    this.sessionNumber = sessionNumber;
    this.#references = references;
  }

  /** Whether its session record has been met; it is the first one. */
  get isKnown(): boolean {
    return this.#record !== undefined;
  }

  add(kind: number, sequence: number, record: Buffer): RecordOutcome {
    if (kind === recordKind.session) {
      this.#record = decodeSession(this.sessionNumber, record);
    } else if (kind === recordKind.subscription) {
      this.#subscriptions.push(decodeSubscription(record));
    } else if (kind === recordKind.deliveryState) {
      this.#state = decodeDeliveryState(record);
      this.#acknowledged = new Set(this.#state.acknowledged);
    } else if (kind === recordKind.will) {
      this.#will = decodeWill(record);
    } else {
      return this.#addRun(decodeInboxRun(sequence, record), record);
    }
    return "kept";
  }

  inbox(): InboxIndex | undefined {
    if (this.#head.length === 0) return undefined;
    const { firstUnacknowledged, acknowledged } = this.#state;
    return { firstUnacknowledged, acknowledged, head: this.#head, tail: this.#tail };
  }

  recovered(): RecoveredSession {
    const { firstUnacknowledged, sentBefore, acknowledged } = this.#state;
    const afterAcknowledged = acknowledged.reduce((next, sequence) => Math.max(next, sequence + 1), 0);
    return {
      record: this.#record!,
      subscriptions: this.#subscriptions,
      state: this.#state,
      nextSequence: Math.max(firstUnacknowledged, sentBefore, afterAcknowledged, this.#endSequence),
      queuedMessages: this.#queuedMessages,
      queuedBytes: this.#queuedBytes,
      will: this.#will,
    };
  }

  #addRun(run: InboxRun, record: Buffer): RecordOutcome {
    const { firstUnacknowledged } = this.#state;
    if (run.endSequence <= firstUnacknowledged) return "leftover";
    this.#endSequence = Math.max(this.#endSequence, run.endSequence);
    if (this.#references.count(run.batchNumber) === 0) return "bodies missing";
    this.#references.add(run.batchNumber, 1);
    if (this.#head.length < maximumHeadRuns) this.#head.push(run);
    else this.#tail = "stored";
    if (run.firstSequence >= firstUnacknowledged && this.#acknowledged.size === 0) {
      this.#queuedMessages += run.endSequence - run.firstSequence;
      this.#queuedBytes += run.bytes;
      return "kept";
    }
    for (const { sequence, bodySize } of decodeRunMembers(run, record)) {
      if (sequence < firstUnacknowledged || this.#acknowledged.has(sequence)) continue;
      this.#queuedMessages++;
      this.#queuedBytes += bodySize;
    }
    return "kept";
  }
}
