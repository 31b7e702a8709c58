import {
  ProtocolError,
  parseSharedFilter,
  ReasonCode,
  type SubscribePacket,
  type SubscriptionRequest,
  topicFilterProblem,
  utf8Length,
} from "@dunlin/protocol";
import { deliverRetained } from "../delivery/deliver-retained.ts";
import type { Engine } from "../delivery/engine.ts";
import type { SubscriptionRecord } from "../ports/store.ts";
import type { Client } from "./client.ts";

const FILTERS_PER_TURN = 256;

/** A subscription that was made, and whether the retained messages of its topics are due. */
interface Granted {
  readonly subscription: SubscriptionRecord;
  readonly sendRetained: boolean;
}

interface Refused {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

/** Answers each Topic Filter in turn, as if each had come in a SUBSCRIBE of its own [MQTT-3.8.4-5]. */
export async function handleSubscribe(
  engine: Engine,
  client: Client,
  packet: SubscribePacket,
): Promise<void> {
  const reasonCodes: number[] = [];
  const reasons: string[] = [];
  const granted: Granted[] = [];
  for (const [index, request] of packet.subscriptions.entries()) {
    if (index % FILTERS_PER_TURN === FILTERS_PER_TURN - 1) await engine.nextTurn();
    const identifier = packet.properties.subscriptionIdentifier ?? 0;
    const outcome = await subscribe(engine, client, request, identifier);
    if (client.closed) return;
    if ("subscription" in outcome) {
      granted.push(outcome);
      reasonCodes.push(outcome.subscription.qos);
    } else {
      engine.counters.subscriptionsDenied++;
      reasons.push(`${request.topicFilter}: ${outcome.reason}`);
      reasonCodes.push(client.protocolVersion === 5 ? outcome.reasonCode : ReasonCode.UnspecifiedError);
    }
  }
  const properties = reasons.length === 0 ? {} : { reasonString: reasons.join("; ").slice(0, 1024) };
  const suback = {
    type: "SUBACK",
    packetIdentifier: packet.packetIdentifier,
    reasonCodes,
    properties,
  } as const;
  const { session } = client;
  if (session.stored) {
    // What SUBACK says is stored first, and with it the retained messages that go to the inbox.
    await sendRetained(engine, client, granted);
    if (granted.length > 0) await engine.commits.stored();
    if (!client.closed) client.send(suback);
  } else {
    client.send(suback);
    await sendRetained(engine, client, granted);
  }
}

async function sendRetained(engine: Engine, client: Client, granted: readonly Granted[]): Promise<void> {
  for (const { subscription, sendRetained: due } of granted) {
    if (due && !client.closed) await deliverRetained(engine, client.session, subscription);
  }
}

async function subscribe(
  engine: Engine,
  client: Client,
  request: SubscriptionRequest,
  subscriptionIdentifier: number,
): Promise<Granted | Refused> {
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = request;
  const refused = check(engine, client, topicFilter) ?? (await authorize(engine, client, request));
  if (refused !== undefined) return refused;
  const { session } = client;
  if (client.closed) return { reasonCode: ReasonCode.UnspecifiedError, reason: "the connection is closed" };
  const subscription: SubscriptionRecord = {
    topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    retainHandling,
    subscriptionIdentifier,
  };
  // Replaces the one with the same Topic Filter [MQTT-3.8.4-3].
  const existed = engine.router.subscribe(session, subscription) !== undefined;
  session.setSubscription(subscription);
  if (session.stored) engine.commits.putSubscription(session, topicFilter, subscription);
  engine.events.emit("subscribed", { client: client.identity, subscription });
  for (const service of engine.options.systemTopicServices) {
    if (topicFilter.startsWith(service.prefix)) service.onSubscribe?.(topicFilter, client.identity);
  }
  // [MQTT-3.3.1-9, MQTT-3.3.1-10, MQTT-3.3.1-11]
  return { subscription, sendRetained: retainHandling === 0 || (retainHandling === 1 && !existed) };
}

function check(engine: Engine, client: Client, topicFilter: string): Refused | undefined {
  const { limits, counters } = { limits: client.limits, counters: engine.counters };
  const problem = topicFilterProblem(topicFilter);
  if (problem !== undefined) {
    // Before MQTT 5.0 there is no way to tell: the connection is closed.
    if (client.protocolVersion < 5) {
      const message = `the Topic Filter ${JSON.stringify(topicFilter.slice(0, 128))} ${problem}`;
      throw new ProtocolError(ReasonCode.TopicFilterInvalid, message, {
        packet: "SUBSCRIBE",
        clause: "MQTT-4.7.1-1",
      });
    }
    return { reasonCode: ReasonCode.TopicFilterInvalid, reason: `the Topic Filter ${problem}` };
  }
  if (utf8Length(topicFilter) > limits.maximumTopicLength) {
    counters.limits.maximumTopicLength++;
    const reason = `the Topic Filter is over the limit of ${limits.maximumTopicLength} bytes`;
    return { reasonCode: ReasonCode.TopicFilterInvalid, reason };
  }
  if (levelCount(topicFilter) > limits.maximumTopicLevels) {
    counters.limits.maximumTopicLevels++;
    const reason = `the Topic Filter is over the limit of ${limits.maximumTopicLevels} levels`;
    return { reasonCode: ReasonCode.TopicFilterInvalid, reason };
  }
  const { subscriptions } = client.session;
  if (subscriptions.has(topicFilter)) return undefined;
  if (engine.ends.stateMemory.exhausted) {
    counters.limits.maximumSessionStateBytes++;
    return { reasonCode: ReasonCode.QuotaExceeded, reason: "sessions hold as much as they may" };
  }
  if (subscriptions.size >= limits.maximumSubscriptionsPerSession) {
    counters.limits.maximumSubscriptionsPerSession++;
    const reason = `the limit of ${limits.maximumSubscriptionsPerSession} subscriptions is reached`;
    return { reasonCode: ReasonCode.QuotaExceeded, reason };
  }
  return undefined;
}

async function authorize(
  engine: Engine,
  client: Client,
  request: SubscriptionRequest,
): Promise<Refused | undefined> {
  const { authorizer, logger } = engine.options;
  if (authorizer === undefined) return undefined;
  const shared = parseSharedFilter(request.topicFilter);
  const topic = shared?.topicFilter ?? request.topicFilter;
  try {
    const allowed = await authorizer.authorize({
      client: client.identity,
      action: "subscribe",
      topic,
      shareName: shared?.shareName,
      qos: request.qos,
      retain: false,
    });
    if (allowed) return undefined;
  } catch (error) {
    logger.error({ error, clientId: client.identity.clientId }, "the authorizer failed: denied");
  }
  const { clientId } = client.identity;
  engine.clientLines.note(
    "info",
    { clientId, topicFilter: request.topicFilter },
    "a subscription was denied",
  );
  return { reasonCode: ReasonCode.NotAuthorized, reason: "not authorized" };
}

function levelCount(topicFilter: string): number {
  let levels = 1;
  for (let at = topicFilter.indexOf("/"); at >= 0; at = topicFilter.indexOf("/", at + 1)) levels++;
  return levels;
}
