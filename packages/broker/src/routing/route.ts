import type { QoS } from "@dunlin/protocol";
import type { SharedGroup } from "./shared-group.ts";
import type { Subscription } from "./subscription.ts";

/** One subscriber of a topic, with what its matching subscriptions ask for. */
export class RouteTarget<S extends object> {
  readonly subscriber: S;
  /** Undefined where several subscriptions are merged. */
  readonly subscription: Subscription | undefined;
  /** The highest of its subscriptions [MQTT-3.3.4-2]. */
  readonly qos: QoS;
  /** Whether one of its subscriptions has Retain As Published. */
  readonly retainAsPublished: boolean;
  /** Those of all its subscriptions that have one [MQTT-3.3.4-4]; undefined where none has. */
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /**
   * What the subscriber gets of its own messages: subscriptions with No Local do not count [MQTT-3.8.3-3].
   * Null: nothing. The target itself where no subscription has No Local.
   */
  readonly forOwn: RouteTarget<S> | null;

  constructor(
    subscriber: S,
    subscription: Subscription | undefined,
    qos: QoS,
    retainAsPublished: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    forOwn: RouteTarget<S> | null | "itself",
  ) {
    this.subscriber = subscriber;
    this.subscription = subscription;
    this.qos = qos;
    this.retainAsPublished = retainAsPublished;
    this.subscriptionIdentifiers = subscriptionIdentifiers;
    this.forOwn = forOwn === "itself" ? this : forOwn;
  }
}

/** Who gets what is published to a topic: one target per subscriber, and one member of each group. */
export class Route<S extends object> {
  readonly targets: readonly RouteTarget<S>[];
  /** Their members come and go while the route stays the same. */
  readonly groups: readonly SharedGroup<S>[];

  constructor(targets: readonly RouteTarget<S>[], groups: readonly SharedGroup<S>[]) {
    this.targets = targets;
    this.groups = groups;
  }

  /** How much it holds: its targets, and the Subscription Identifiers of each. */
  get weight(): number {
    let weight = this.targets.length;
    for (const { subscriptionIdentifiers } of this.targets) weight += subscriptionIdentifiers?.length ?? 0;
    return weight;
  }
}

export function targetOf<S extends object>(subscriber: S, subscription: Subscription): RouteTarget<S> {
  const { qos, noLocal, retainAsPublished, subscriptionIdentifier } = subscription;
  const identifiers = subscriptionIdentifier === 0 ? undefined : [subscriptionIdentifier];
  const forOwn = noLocal ? null : "itself";
  return new RouteTarget(subscriber, subscription, qos, retainAsPublished, identifiers, forOwn);
}

/** One target in place of several of the same subscriber: overlapping subscriptions get one copy of a message. */
export function mergeTargets<S extends object>(targets: readonly RouteTarget<S>[]): RouteTarget<S> {
  const first = targets[0]!;
  if (targets.length === 1) return first;
  let qos: QoS = 0;
  let retainAsPublished = false;
  const identifiers: number[] = [];
  const own: RouteTarget<S>[] = [];
  for (const target of targets) {
    if (target.qos > qos) qos = target.qos;
    if (target.retainAsPublished) retainAsPublished = true;
    // An identifier that several subscriptions share stands as often [MQTT 5.0, 3.3.4].
    for (const identifier of target.subscriptionIdentifiers ?? []) identifiers.push(identifier);
    if (target.forOwn !== null) own.push(target.forOwn);
  }
  const forOwn = own.length === targets.length ? "itself" : own.length === 0 ? null : mergeTargets(own);
  return new RouteTarget(
    first.subscriber,
    undefined,
    qos,
    retainAsPublished,
    identifiers.length === 0 ? undefined : identifiers,
    forOwn,
  );
}
