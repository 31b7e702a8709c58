import { ClientModel } from "./client-model.ts";
import type { HistoryEvent, Published, Received, ViolatedRule, Violation } from "./history.ts";
import type { MessageRecord } from "./message-record.ts";
import { RetainedModel } from "./retained-model.ts";
import type { SessionModel } from "./session-model.ts";
import { SharedDebts } from "./shared-debts.ts";
import type { SubscriptionSpan } from "./subscription-span.ts";

type EventOf<Is extends HistoryEvent["is"]> = Extract<HistoryEvent, { is: Is }>;

/** Says which promises of MQTT and of the broker's durability a history does not hold. */
export function checkHistory(events: Iterable<HistoryEvent>): readonly Violation[] {
  const checker = new HistoryChecker();
  for (const event of events) checker.add(event);
  return checker.violations;
}

/**
 * Follows a history event by event. It knows nothing of the broker: what a client cannot know for certain (whether a
 * CONNECT was heard, say) is not held against the broker.
 */
export class HistoryChecker {
  readonly violations: Violation[] = [];
  readonly #clients = new Map<string, ClientModel>();
  readonly #messages = new Map<string, MessageRecord>();
  /** Who was subscribed when a message was published, until it is acknowledged. */
  readonly #audiences = new Map<MessageRecord, Map<SessionModel, number>>();
  readonly #retained = new RetainedModel();
  readonly #sharedDebts = new SharedDebts();
  /** By message: sessions that have it at QoS 2 by nothing but a shared subscription, each with its epoch. */
  readonly #sharedQoS2 = new Map<string, Map<SessionModel, number>>();
  #nowMs = 0;
  #at = -1;

  add(event: HistoryEvent): void {
    this.#at++;
    switch (event.is) {
      case "published":
        return this.#onPublished(event);
      case "acknowledged":
        return this.#onAcknowledged(event);
      case "withdrawn":
        return this.#onWithdrawn(event);
      case "received":
        return this.#onReceived(event);
      case "retained":
        for (const problem of this.#retained.problems(event.messages))
          this.#violated("wrong retained message", problem);
        return;
      case "killed":
        return this.#onKilled(event.survives ?? "all");
      case "clock":
        this.#nowMs = event.nowMs;
        for (const client of this.#clients.values()) client.setNow(event.nowMs);
        return;
      case "settled":
        return this.#onSettled();
      default:
        return this.#onClientEvent(this.#clientOf(event.client), event);
    }
  }

  #onClientEvent(
    client: ClientModel,
    event: EventOf<
      | "connecting"
      | "connected"
      | "leaving"
      | "closed"
      | "subscribing"
      | "subscribed"
      | "unsubscribing"
      | "unsubscribed"
      | "finished"
    >,
  ): void {
    const { session } = client;
    switch (event.is) {
      case "connecting":
        return client.connecting(event.cleanStart, event.expirySeconds);
      case "connected": {
        const rule = client.connected(event.sessionPresent);
        const present = event.sessionPresent ? "a session" : "no session";
        if (rule !== undefined) this.#violated(rule, `${event.client} is told that there is ${present}`);
        return;
      }
      case "leaving":
        return client.leaving(event.expirySeconds);
      case "closed":
        return client.closed();
      case "subscribing":
        this.#sharedDebts.membersChange(event.topicFilter, this.#at);
        return client.subscribing(event, this.#at);
      case "unsubscribing":
        this.#sharedDebts.membersChange(event.topicFilter, this.#at);
        return session?.unsubscribing(event.topicFilter, this.#at);
      case "finished":
        return session?.finish(event.packetIdentifier);
    }
    client.heard();
    if (event.is === "subscribed") session?.subscribed(event.topicFilter, this.#at);
    else session?.unsubscribed(event.topicFilter, this.#at);
  }

  #clientOf(clientId: string): ClientModel {
    let client = this.#clients.get(clientId);
    if (client === undefined) {
      client = new ClientModel(clientId, this.#nowMs);
      this.#clients.set(clientId, client);
    }
    return client;
  }

  *#sessions(): Generator<SessionModel> {
    for (const { session } of this.#clients.values()) if (session !== undefined) yield session;
  }

  #onPublished(published: Published): void {
    const message: MessageRecord = {
      published,
      publishedAt: this.#at,
      acknowledgedAt: undefined,
      withdrawn: false,
      replacedAt: undefined,
    };
    this.#messages.set(published.id, message);
    if (published.retain) this.#retained.publish(message);
    if (published.qos === 0 || published.mayExpire === true || published.clears) return;
    this.#sharedDebts.publish(message, this.#sessions());
    const audience = new Map<SessionModel, number>();
    for (const session of this.#sessions()) {
      if (session.mustReceive(message)) audience.set(session, session.epoch);
    }
    this.#audiences.set(message, audience);
  }

  #onAcknowledged({ client, id }: EventOf<"acknowledged">): void {
    const message = this.#messages.get(id);
    if (message === undefined)
      return this.#violated("invented message", `${id}, never sent, is acknowledged`);
    if (message.published.will !== true) this.#clientOf(client).heard();
    if (message.acknowledgedAt !== undefined) return;
    message.acknowledgedAt = this.#at;
    if (message.published.retain) this.#retained.acknowledge(message, this.#at);
    const audience = this.#audiences.get(message);
    if (audience === undefined) return;
    this.#audiences.delete(message);
    this.#sharedDebts.acknowledge(message, (session) => this.#isThere(session));
    for (const [session, epoch] of audience) {
      const isSame = this.#isThere(session) && session.epoch === epoch;
      if (isSame && !session.received.has(id) && !session.mayHaveMissed(message)) session.owed.add(message);
    }
  }

  #isThere(session: SessionModel): boolean {
    return this.#clients.get(session.client)?.session === session;
  }

  #onWithdrawn({ id }: EventOf<"withdrawn">): void {
    const message = this.#messages.get(id);
    if (message !== undefined) message.withdrawn = true;
  }

  #onKilled(survives: "all" | "some" | "none"): void {
    for (const client of this.#clients.values()) client.killed(survives);
    if (survives !== "all") this.#retained.crash(survives, this.#at);
  }

  #onReceived(received: Received): void {
    const { id, client: clientId } = received;
    const message = this.#messages.get(id);
    if (message === undefined || message.published.topicName !== received.topicName) {
      return this.#violated("invented message", `${id}, which ${clientId} gets, was not sent`);
    }
    const client = this.#clientOf(clientId);
    client.heard();
    const { session } = client;
    if (session === undefined)
      return this.#violated("delivery without subscription", `${clientId} has no session`);
    const { packetIdentifier } = received;
    if (packetIdentifier !== undefined && received.qos > 0)
      this.#checkIdentifier(session, received, packetIdentifier);
    if (received.qos === 0 && received.dup)
      this.#violated("DUP on a first delivery", `${id} has QoS 0 and DUP`);
    if (received.repeated === true) return;
    this.#checkOrigin(session, message, received);
    session.received.add(id);
    session.owed.delete(message);
    this.#sharedDebts.receive(message, session);
  }

  #checkIdentifier(session: SessionModel, received: Received, packetIdentifier: number): void {
    const { id, client, dup } = received;
    const holder = session.identifierHolder(packetIdentifier, id);
    if (holder !== undefined) {
      const what = `${client} gets ${id} with the Packet Identifier ${packetIdentifier} of ${holder}`;
      this.#violated("Packet Identifier in use", what);
    }
    // One that was left out for its age may come after a crash: nobody knows then whether it had been sent.
    if (this.#messages.get(id)?.published.mayExpire === true) return;
    const { isRepeated, isOutOfOrder } = session.deliver(packetIdentifier, id);
    if (isOutOfOrder)
      this.#violated("redelivery out of order", `${client} gets ${id} again behind later ones`);
    if (isRepeated && !dup)
      this.#violated("redelivery without DUP", `${client} gets ${id} again without DUP`);
  }

  #checkOrigin(session: SessionModel, message: MessageRecord, received: Received): void {
    const { published, acknowledgedAt, replacedAt } = message;
    const { id, client, qos } = received;
    const isRetained = received.retain && published.retain;
    const spans = session.spansFor(message, isRetained);
    if (spans.length === 0)
      return this.#violated("delivery without subscription", `${client} gets ${id}, not subscribed to`);
    if (!spans.some((span) => Math.min(span.qos, published.qos) === qos))
      this.#violated("QoS not as granted", `${client} gets ${id} with QoS ${qos}`);
    this.#checkFlags(received, published, spans);
    if (message.withdrawn) this.#violated("will taken back", `${client} gets the will ${id}`);
    const since = Math.min(...spans.map(({ askedAt }) => askedAt));
    // RETAIN tells a retained message, but for those who asked to have it as published.
    if (isRetained) {
      if (replacedAt !== undefined && replacedAt < since && !spans.some((span) => span.retainAsPublished))
        this.#violated("wrong retained message", `${client} gets ${id}, which has been replaced`);
      return;
    }
    if (received.retain) this.#violated("wrong retained message", `${id} was not retained`);
    if (qos === 2) this.#checkQoS2(session, message, spans);
    // A shared one takes over what another member leaves behind; a will comes when it comes.
    if (published.will === true || spans.some((span) => span.isShared)) return;
    if (acknowledgedAt !== undefined && acknowledgedAt < since)
      this.#violated("message of an earlier time", `${client} gets ${id}, older than its subscription`);
    // What its publisher sends again may come anew, or for the first time, behind what had come before.
    const wasSubscribed = spans.some(({ grantedAt }) => grantedAt < message.publishedAt);
    const mayComeLate = !wasSubscribed || (qos === 0 && published.qos > 0);
    if (!mayComeLate && published.mayExpire !== true && session.isOutOfOrder(message, received))
      this.#violated("messages out of order", `${client} gets ${id} behind a later one`);
  }

  #checkFlags(received: Received, published: Published, spans: readonly SubscriptionSpan[]): void {
    const { id, client, retain, subscriptionIdentifiers: identifiers } = received;
    if (published.retain && !retain && spans.every((span) => span.retainAsPublished))
      this.#violated("RETAIN not as asked", `${client} gets ${id} without RETAIN`);
    if (identifiers === undefined) return;
    const isForeign = identifiers.some((each) => !spans.some(({ identifier }) => identifier === each));
    const isMissing = identifiers.length === 0 && spans.every(({ identifier }) => identifier > 0);
    if (isForeign || isMissing) {
      const what = `${client} gets ${id} with the Subscription Identifiers [${identifiers.join(", ")}]`;
      this.#violated("Subscription Identifiers not as asked", what);
    }
  }

  /** One copy by all subscriptions of the session's own together, and one by each shared one. */
  #checkQoS2(session: SessionModel, message: MessageRecord, spans: readonly SubscriptionSpan[]): void {
    const { client } = session;
    const { id, topicName } = message.published;
    const shared = new Set(spans.filter((span) => span.isShared).map(({ name }) => name));
    const isOnlyShared = spans.every((span) => span.isShared);
    const copies = session.countQoS2(id);
    if (copies > shared.size + (isOnlyShared ? 0 : 1))
      this.#violated("QoS 2 message twice", `${client} gets ${id} again`);
    // Which shared subscription it came by is plain only where there is one for its topic.
    if (!isOnlyShared || this.#sharedFilters(topicName).size > 1) return;
    const others = this.#sharedQoS2.get(id) ?? new Map<SessionModel, number>();
    for (const [other, epoch] of others) {
      if (other !== session && other.epoch === epoch && this.#isThere(other))
        this.#violated("QoS 2 message twice", `${client} gets ${id}, which ${other.client} has`);
    }
    this.#sharedQoS2.set(id, others.set(session, session.epoch));
  }

  #sharedFilters(topicName: string): Set<string> {
    const spans = [...this.#sessions()].flatMap((session) => session.spans);
    return new Set(spans.filter((span) => span.isShared && span.matches(topicName)).map(({ name }) => name));
  }

  #onSettled(): void {
    const isConnected = (session: SessionModel): boolean =>
      this.#isThere(session) && this.#clients.get(session.client)?.state === "connected";
    for (const session of this.#sessions()) {
      if (!isConnected(session)) continue;
      for (const { published } of session.owed)
        this.#violated("lost message", `${session.client} has not got ${published.id}`);
      session.owed.clear();
    }
    for (const problem of this.#sharedDebts.settle(isConnected))
      this.#violated("lost shared message", problem);
  }

  #violated(rule: ViolatedRule, message: string): void {
    this.violations.push({ rule, message, at: this.#at });
  }
}
