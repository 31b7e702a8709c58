import { FILLED_ONCE_BYTES } from "../arena.ts";
import type { Counters } from "../counters.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type {
  CommitGroup,
  InboxAppend,
  InboxReference,
  SessionRecord,
  Store,
  SubscriptionRecord,
  WillRecord,
} from "../ports/store.ts";
import type { Session } from "../session/session.ts";
import { messageBodySize, writeMessageBody } from "./message-body.ts";
import type { Publication } from "./publication.ts";

const RETRY_MS = 1000;
/** State that nobody waits for is stored with the next group, or after this time at the latest. */
const LAZY_MS = 250;
/** How long `close` waits for a store that does not work. */
const CLOSE_MS = 5000;
const SMALLEST_BODIES = 16 * 1024;
const NO_BODIES = new Uint8Array(0);
/** What a reference from an inbox to a body takes in memory. */
const REFERENCE_BYTES = 64;

class SessionAppend implements InboxAppend {
  readonly session: Session;
  readonly firstSequence: number;
  readonly references: InboxReference[] = [];

  constructor(session: Session) {
    this.session = session;
    this.firstSequence = session.nextSequence;
  }
}

class FillingGroup {
  bodies: Uint8Array;
  bodiesLength = 0;
  readonly bodyEnds: number[] = [];
  referencesLength = 0;
  readonly inboxes = new Map<number, SessionAppend>();
  readonly sessions = new Map<number, SessionRecord | null>();
  readonly subscriptions = new Map<number, Map<string, SubscriptionRecord | null>>();
  /** Sessions whose delivery state or record is to be stored, as they are when the group is sealed. */
  readonly touched = new Set<Session>();
  readonly retained = new Map<string, Uint8Array | null>();
  readonly wills = new Map<number, WillRecord | null>();
  /** Whether anything has been put. */
  dirty = false;

  constructor(bodies: Uint8Array) {
    this.bodies = bodies;
  }

  get pendingBytes(): number {
    return this.bodiesLength + this.referencesLength;
  }

  seal(atMs: number): CommitGroup {
    const deliveryStates = new Map(
      [...this.touched].map((session) => [session.number, session.deliveryState]),
    );
    const bodies = this.bodies.subarray(0, this.bodiesLength);
    return { ...this, bodies, deliveryStates, atMs };
  }
}

/** Told when a group is stored. */
export interface CommitListener {
  /** Messages up to `session.storedBefore` may now be sent; `append` is what the group added. */
  onInboxStored(session: Session, append: InboxAppend, group: CommitGroup): void;
}

/** A connection with acknowledgements that wait for a group. */
export interface CommitWaiter {
  onCommitted(ticket: number): void;
}

/**
 * Collects all that must become durable into one group, while the group before is being stored. One write, and
 * one fsync, serve every acknowledgement that waits for it. A group's number is the ticket to wait with.
 */
export class GroupCommit {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #logger: Logger;
  listener: CommitListener | undefined;
  #filling = new FillingGroup(NO_BODIES);
  /** Memory of the last group that was stored, for the one after the next. */
  #spareBodies: Uint8Array = NO_BODIES;
  #number = 1;
  #committed = 0;
  /** By Client Identifier: the group that deletes or parks a session of it; those that are not stored yet. */
  readonly #deletions = new Map<string, number>();
  #state: "idle" | "scheduled" | "storing" | "closed" = "idle";
  #urgent = false;
  #storingBytes = 0;
  readonly #waiters = new Set<CommitWaiter>();
  #promises: { ticket: number; resolve: () => void }[] = [];
  #cancelLazy: (() => void) | undefined;
  #failing = false;

  constructor(store: Store, clock: Clock, counters: Counters, logger: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#counters = counters;
    this.#logger = logger;
  }

  /** The number of the last group that is stored. */
  get committed(): number {
    return this.#committed;
  }

  /** Whether a session of this client that has ended would come back if the broker crashed now. */
  isDeletionPending(clientId: string): boolean {
    return this.#deletions.has(clientId);
  }

  /** Bytes of messages, and of references to them, that wait to be stored. */
  get pendingBytes(): number {
    return this.#storingBytes + this.#filling.pendingBytes;
  }

  /** Whether storing has been failing since the last success. */
  get failing(): boolean {
    return this.#failing;
  }

  /** The number of the group that holds all that has been put so far, and is on its way from now on. */
  ticket(): number {
    this.#urgent = true;
    if (this.#state === "idle") this.#schedule();
    return this.#number;
  }

  /** Calls `waiter.onCommitted` after each group until it is taken off. */
  wait(waiter: CommitWaiter): void {
    this.#waiters.add(waiter);
  }

  stopWaiting(waiter: CommitWaiter): void {
    this.#waiters.delete(waiter);
  }

  /** Resolves when all that has been put so far is stored. */
  stored(): Promise<void> {
    const ticket = this.ticket();
    return new Promise((resolve) => this.#promises.push({ ticket, resolve }));
  }

  /** Adds a message to a session's inbox; its body once, however many sessions get it. */
  append(
    publication: Publication,
    session: Session,
    flags: number,
    subscriptionIdentifiers: readonly number[] | undefined,
  ): void {
    const group = this.#fill();
    if (publication.bodyTicket !== this.#number) this.#addBody(group, publication);
    let append = group.inboxes.get(session.number);
    if (append === undefined) {
      append = new SessionAppend(session);
      group.inboxes.set(session.number, append);
    }
    append.references.push({ body: publication.bodyIndex, flags, subscriptionIdentifiers });
    group.referencesLength += REFERENCE_BYTES;
    session.nextSequence++;
    session.queuedMessages++;
    session.queuedBytes += bodyLength(group, publication.bodyIndex);
  }

  /** The session's record and delivery state are to be stored. */
  putSession(session: Session): void {
    const group = this.#fill();
    group.sessions.set(session.number, session.record);
    group.touched.add(session);
  }

  /** The session's delivery state is to be stored; nobody waits for it unless a ticket is taken. */
  touch(session: Session): void {
    this.#fill().touched.add(session);
  }

  /** The session has ended, and stays in the store without its client until it is deleted. */
  parkSession(session: Session): void {
    this.putSession(session);
    this.#deletions.set(session.clientId, this.#number);
  }

  deleteSession(session: Session): void {
    const group = this.#fill();
    group.sessions.set(session.number, null);
    this.#deletions.set(session.clientId, this.#number);
    group.touched.delete(session);
    group.inboxes.delete(session.number);
    group.subscriptions.delete(session.number);
    group.wills.delete(session.number);
  }

  putSubscription(session: Session, topicFilter: string, subscription: SubscriptionRecord | null): void {
    const group = this.#fill();
    let subscriptions = group.subscriptions.get(session.number);
    if (subscriptions === undefined) {
      subscriptions = new Map();
      group.subscriptions.set(session.number, subscriptions);
    }
    subscriptions.set(topicFilter, subscription);
  }

  putRetained(topicName: string, body: Uint8Array | null): void {
    this.#fill().retained.set(topicName, body);
  }

  putWill(session: Session, will: WillRecord | null): void {
    this.#fill().wills.set(session.number, will);
  }

  /** Tells the store that the broker is alive, though nothing else is to be stored. */
  heartbeat(): void {
    this.#fill();
  }

  /** Stores what is left; nothing may be put afterwards. Gives up where the store keeps failing: nothing of it was acknowledged. */
  async close(): Promise<void> {
    if (this.#filling.dirty || this.#state !== "idle") {
      let cancel = (): void => {};
      const late = new Promise<"late">((resolve) => {
        cancel = this.#clock.after(CLOSE_MS, () => resolve("late"));
      });
      if ((await Promise.race([this.stored(), late])) === "late") {
        this.#logger.error({}, "stopped without storing what was left, none of which had been acknowledged");
      }
      cancel();
    }
    this.#state = "closed";
    this.#cancelLazy?.();
  }

  #fill(): FillingGroup {
    this.#filling.dirty = true;
    this.#scheduleLazily();
    return this.#filling;
  }

  #scheduleLazily(): void {
    if (this.#state !== "idle" || this.#cancelLazy !== undefined) return;
    this.#cancelLazy = this.#clock.after(LAZY_MS, () => {
      this.#cancelLazy = undefined;
      if (this.#state === "idle") this.#schedule();
    });
  }

  #addBody(group: FillingGroup, publication: Publication): void {
    const end = group.bodiesLength + messageBodySize(publication);
    if (end > group.bodies.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, group.bodies.length * 2, SMALLEST_BODIES));
      grown.set(group.bodies.subarray(0, group.bodiesLength));
      group.bodies = grown;
    }
    writeMessageBody(publication, group.bodies, group.bodiesLength);
    group.bodiesLength = end;
    publication.bodyTicket = this.#number;
    publication.bodyIndex = group.bodyEnds.push(end) - 1;
  }

  #schedule(): void {
    this.#state = "scheduled";
    this.#cancelLazy?.();
    this.#cancelLazy = undefined;
    this.#clock.afterTurn(() => void this.#storeGroup());
  }

  async #storeGroup(): Promise<void> {
    const filled = this.#filling;
    const ticket = this.#number++;
    this.#filling = new FillingGroup(this.#spareBodies);
    this.#spareBodies = NO_BODIES;
    this.#urgent = false;
    this.#state = "storing";
    this.#storingBytes = filled.pendingBytes;
    const group = filled.seal(this.#clock.now());
    const startedMs = this.#clock.monotonic();
    while (!(await this.#tryToStore(group))) {
      await new Promise<void>((resolve) => this.#clock.after(RETRY_MS, resolve));
      if (this.#isClosed()) return;
    }
    this.#counters.commitMs += this.#clock.monotonic() - startedMs;
    this.#storingBytes = 0;
    this.#committed = ticket;
    this.#state = "idle";
    this.#tell(filled, group, ticket);
    if (filled.bodies.length <= FILLED_ONCE_BYTES) this.#spareBodies = filled.bodies;
    if (this.#state !== "idle") return;
    if (this.#urgent) this.#schedule();
    else if (this.#filling.dirty) this.#scheduleLazily();
  }

  /** A method, for `close` changes the state while a group is being stored. */
  #isClosed(): boolean {
    return this.#state === "closed";
  }

  async #tryToStore(group: CommitGroup): Promise<boolean> {
    try {
      await this.#store.commit(group);
      this.#counters.commits++;
      if (this.#failing) this.#logger.info({}, "storing works again");
      this.#failing = false;
      return true;
    } catch (error) {
      this.#counters.commitFailures++;
      if (!this.#failing) {
        this.#logger.error({ error }, "cannot store: acknowledgements wait until it works again");
      }
      this.#failing = true;
      return false;
    }
  }

  #tell(filled: FillingGroup, group: CommitGroup, ticket: number): void {
    for (const append of filled.inboxes.values()) {
      append.session.storedBefore = append.firstSequence + append.references.length;
      try {
        this.listener?.onInboxStored(append.session, append, group);
      } catch (error) {
        this.#logger.error({ error, clientId: append.session.clientId }, "what was stored could not be sent");
      }
    }
    for (const [clientId, number] of this.#deletions) {
      if (number <= ticket) this.#deletions.delete(clientId);
    }
    for (const waiter of this.#waiters) waiter.onCommitted(ticket);
    if (this.#promises.length > 0) {
      const due = this.#promises.filter((each) => each.ticket <= ticket);
      this.#promises = this.#promises.filter((each) => each.ticket > ticket);
      for (const each of due) each.resolve();
    }
  }
}

function bodyLength(group: FillingGroup, index: number): number {
  return group.bodyEnds[index]! - (group.bodyEnds[index - 1] ?? 0);
}
