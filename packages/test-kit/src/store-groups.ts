import type {
  CommitGroup,
  DeliveryState,
  InboxAppend,
  RecoveredSession,
  RecoverySummary,
  SessionRecord,
  Store,
  SubscriptionRecord,
} from "@dunlin/broker";

export interface RecoveredStore {
  readonly sessions: ReadonlyMap<number, RecoveredSession>;
  readonly retained: ReadonlyMap<string, string>;
  readonly summary: RecoverySummary;
}

/** Opens a store and collects what it tells; retained bodies as UTF-8. */
export async function recoverAll(store: Store): Promise<RecoveredStore> {
  const sessions = new Map<number, RecoveredSession>();
  const retained = new Map<string, string>();
  const summary = await store.open({
    session: (session) => void sessions.set(session.record.sessionNumber, session),
    retained: (topicName, body) => void retained.set(topicName, Buffer.from(body).toString()),
  });
  return { sessions, retained, summary };
}

/** A group of what is given, and nothing else; `bodies` as UTF-8. */
export function commitGroup(
  parts: Partial<Omit<CommitGroup, "bodies" | "bodyEnds">> & { readonly bodies?: readonly string[] },
): CommitGroup {
  const bodies = (parts.bodies ?? []).map((body) => Buffer.from(body));
  let end = 0;
  const bodyEnds = bodies.map((body) => {
    end += body.length;
    return end;
  });
  return {
    atMs: 1,
    inboxes: new Map(),
    sessions: new Map(),
    subscriptions: new Map(),
    deliveryStates: new Map(),
    retained: new Map(),
    wills: new Map(),
    ...parts,
    bodies: Buffer.concat(bodies),
    bodyEnds,
  };
}

export function sessionRecord(sessionNumber: number, parts: Partial<SessionRecord> = {}): SessionRecord {
  return {
    sessionNumber,
    clientId: `client-${sessionNumber}`,
    protocolVersion: 5,
    sessionExpiryIntervalSeconds: 0xffffffff,
    expiresAtMs: Number.POSITIVE_INFINITY,
    userName: undefined,
    ...parts,
  };
}

export function subscriptionRecord(
  topicFilter: string,
  parts: Partial<SubscriptionRecord> = {},
): SubscriptionRecord {
  return {
    topicFilter,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
    ...parts,
  };
}

export function deliveryState(parts: Partial<DeliveryState>): DeliveryState {
  return {
    firstUnacknowledged: 0,
    sentBefore: 0,
    acknowledged: [],
    released: [],
    inboundPacketIdentifiers: [],
    ...parts,
  };
}

/** One inbox entry per body index, all with the same flags. */
export function inboxAppend(firstSequence: number, bodies: readonly number[], flags = 1): InboxAppend {
  return {
    firstSequence,
    references: bodies.map((body) => ({ body, flags, subscriptionIdentifiers: undefined })),
  };
}

/** 0 to count - 1. */
export function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
