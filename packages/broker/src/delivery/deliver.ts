import type { QoS } from "@dunlin/protocol";
import type { EncodedPublish, PacketSink } from "../ports/packet-sink.ts";
import type { RouteTarget } from "../routing/route.ts";
import type { SharedGroup } from "../routing/shared-group.ts";
import type { Session } from "../session/session.ts";
import { SharedInflight } from "../session/shared-inflight.ts";
import { deliveryFlags, withShareMark } from "./delivery-flags.ts";
import type { Engine } from "./engine.ts";
import { encodeMessageBody } from "./message-body.ts";
import type { Publication } from "./publication.ts";

/** What became of a message. */
export const Delivery = {
  /** Nobody subscribes to its topic. */
  NO_SUBSCRIBERS: 0,
  DELIVERED: 1,
  /** At least one stored session has it in its inbox: not to be acknowledged before that is stored. */
  STORING: 2,
} as const;
export type Delivery = (typeof Delivery)[keyof typeof Delivery];

/** Gives a message to every subscriber of its topic. */
export function deliver(engine: Engine, publication: Publication): Delivery {
  const route = engine.router.routeOf(publication.topic);
  const { targets, groups } = route;
  let delivery: Delivery = Delivery.NO_SUBSCRIBERS;
  for (let index = 0; index < targets.length; index++) {
    let target: RouteTarget<Session> | null = targets[index]!;
    // No Local [MQTT-3.8.3-3].
    if (target.subscriber === publication.publisher) target = target.forOwn;
    if (target === null) continue;
    publication.last = index === targets.length - 1 && groups.length === 0;
    const retain = publication.retain && target.retainAsPublished;
    const identifiers = target.subscriptionIdentifiers;
    const outcome = deliverTo(
      engine,
      publication,
      target.subscriber,
      target.qos,
      retain,
      identifiers,
      undefined,
    );
    if (outcome > delivery) delivery = outcome;
  }
  for (let index = 0; index < groups.length; index++) {
    publication.last = index === groups.length - 1;
    const outcome = deliverToGroup(engine, publication, groups[index]!);
    if (outcome > delivery) delivery = outcome;
  }
  return delivery;
}

/** To one session; `grantedQoS` is that of its subscription [MQTT-3.8.4-8]. */
export function deliverTo(
  engine: Engine,
  publication: Publication,
  session: Session,
  grantedQoS: QoS,
  retain: boolean,
  identifiers: readonly number[] | undefined,
  shareFilter: string | undefined,
): Delivery {
  const qos = publication.qos < grantedQoS ? publication.qos : grantedQoS;
  if (qos === 0) sendQoS0(engine, publication, session, retain, identifiers);
  else if (session.stored) {
    const flags = withShareMark(deliveryFlags(qos, retain), shareFilter);
    return append(engine, publication, session, flags, identifiers);
  } else sendLive(engine, publication, session, qos, retain, identifiers, shareFilter);
  return Delivery.DELIVERED;
}

/** The next member in turn that is connected and not behind; else one that is connected, else one that is stored. */
export function deliverToGroup(
  engine: Engine,
  publication: Publication,
  group: SharedGroup<Session>,
): Delivery {
  const members = group.members;
  let chosen = -1;
  let rank = 0;
  for (let step = 0; step < members.length && rank < READY; step++) {
    const index = (group.next + step) % members.length;
    const worth = readiness(members[index]!.subscriber);
    if (worth > rank) {
      rank = worth;
      chosen = index;
    }
  }
  if (chosen < 0) return Delivery.NO_SUBSCRIBERS;
  group.next = (chosen + 1) % members.length;
  const { subscriber, subscription, target } = members[chosen]!;
  const retain = publication.retain && target.retainAsPublished;
  const identifiers = target.subscriptionIdentifiers;
  return deliverTo(
    engine,
    publication,
    subscriber,
    target.qos,
    retain,
    identifiers,
    subscription.topicFilter,
  );
}

const READY = 3;

function readiness(session: Session): number {
  if (session.sink === null) return session.stored ? 1 : 0;
  return session.sink.congested || !session.window.canSend ? 2 : READY;
}

function sendQoS0(
  engine: Engine,
  publication: Publication,
  session: Session,
  retain: boolean,
  identifiers: readonly number[] | undefined,
): void {
  const sink = session.sink;
  if (sink === null) {
    engine.counters.droppedOffline++;
    engine.counters.messagesDropped++;
  } else if (sink.congested) {
    engine.counters.droppedByCongestion++;
    engine.counters.messagesDropped++;
    engine.counters.limits.maximumOutputBytes++;
  } else {
    const encoded = encodeFor(engine, publication, sink, 0, retain, identifiers);
    if (encoded !== undefined) sink.sendEncoded(encoded);
  }
}

function sendLive(
  engine: Engine,
  publication: Publication,
  session: Session,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | undefined,
  shareFilter: string | undefined,
): void {
  const sink = session.sink;
  if (sink === null) return;
  const { window, queue } = session;
  if (queue.length > 0 || !window.canSend || sink.congested) {
    if (!window.canSend) engine.counters.limits.maximumInflight++;
    enqueue(engine, publication, session, deliveryFlags(qos, retain), identifiers, shareFilter);
    return;
  }
  const encoded = encodeFor(engine, publication, sink, qos, retain, identifiers);
  if (encoded === undefined) return;
  if (shareFilter !== undefined) rememberShared(engine, session, encodeMessageBody(publication), shareFilter);
  sink.sendEncodedAs(encoded, window.send(qos, 0), false);
}

/** Keeps what the next sequence number stands for, in case another member must have it. */
export function rememberShared(
  engine: Engine,
  session: Session,
  body: Uint8Array,
  shareFilter: string,
): void {
  session.sharedInflight ??= new SharedInflight();
  session.sharedInflight.add(session.window.next, { body, shareFilter });
  engine.memory.add(body.length);
}

function enqueue(
  engine: Engine,
  publication: Publication,
  session: Session,
  flags: number,
  subscriptionIdentifiers: readonly number[] | undefined,
  shareFilter: string | undefined,
): void {
  const { counters, memory, options } = engine;
  const queue = session.queue;
  if (queue.length >= options.limits.maximumQueuedMessages) counters.limits.maximumQueuedMessages++;
  else if (queue.bytes >= options.limits.maximumQueuedBytes) counters.limits.maximumQueuedBytes++;
  else if (memory.exhausted) counters.limits.memoryBudgetBytes++;
  else {
    const heldBefore = queue.heldBytes;
    queue.push({ body: encodeMessageBody(publication), flags, subscriptionIdentifiers, shareFilter });
    memory.add(queue.heldBytes - heldBefore);
    return;
  }
  counters.droppedByQueueLimit++;
  counters.messagesDropped++;
}

function append(
  engine: Engine,
  publication: Publication,
  session: Session,
  flags: number,
  identifiers: readonly number[] | undefined,
): Delivery {
  const { counters, memory, options } = engine;
  if (session.queuedMessages >= options.limits.maximumQueuedMessages) counters.limits.maximumQueuedMessages++;
  else if (session.queuedBytes >= options.limits.maximumQueuedBytes) counters.limits.maximumQueuedBytes++;
  else if (memory.storeIsFull(session.connected)) counters.limits.memoryBudgetBytes++;
  else {
    engine.commits.append(publication, session, flags, identifiers);
    return Delivery.STORING;
  }
  counters.droppedByQueueLimit++;
  counters.messagesDropped++;
  return Delivery.DELIVERED;
}

/**
 * The PUBLISH for one client; undefined where it is over the client's Maximum Packet Size: it is then discarded
 * as if it had been sent [MQTT-3.1.2-25].
 */
export function encodeFor(
  engine: Engine,
  publication: Publication,
  sink: PacketSink,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[] | undefined,
): EncodedPublish | undefined {
  const aliases = sink.outboundAliases;
  const { name } = publication.topic;
  const alias = aliases === null ? 0 : aliases.aliasOf(name);
  if (alias !== 0) {
    const encoded = publication.encodedWithAlias(qos, retain, identifiers, Math.abs(alias), alias < 0);
    if (encoded.size <= sink.maximumPacketSize) return encoded;
    // It may still fit with nothing but its name.
    aliases?.forget(name);
  } else if (aliases !== null) engine.counters.limits.outboundTopicAliasMaximum++;
  const encoded = publication.encoded(sink.protocolVersion, qos, retain, identifiers);
  if (encoded.size <= sink.maximumPacketSize) return encoded;
  engine.counters.droppedBySize++;
  engine.counters.messagesDropped++;
  return undefined;
}
