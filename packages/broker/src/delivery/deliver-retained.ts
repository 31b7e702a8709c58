import { parseSharedFilter } from "@dunlin/protocol";
import type { SubscriptionRecord } from "../ports/store.ts";
import type { Session } from "../session/session.ts";
import { Delivery, deliverTo } from "./deliver.ts";
import type { Engine } from "./engine.ts";
import { MessageBodyView } from "./message-body.ts";

/** Between two looks at whether the client has caught up. */
const RETRY_MS = 10;
const MESSAGES_PER_TURN = 256;
/** Of the tree of retained messages: not every one has a message that matches. */
const NODES_PER_TURN = 2048;

/**
 * Sends a new subscription the retained messages of its topics [MQTT-3.3.1-9], as fast as the client reads.
 * Resolves when all are sent or in its inbox; true: acknowledge the subscription only once that is stored.
 */
export async function deliverRetained(
  engine: Engine,
  session: Session,
  subscription: SubscriptionRecord,
): Promise<boolean> {
  // Retained messages are not sent to Shared Subscriptions [MQTT 5.0, 4.8.2].
  if (parseSharedFilter(subscription.topicFilter) !== undefined) return false;
  const { sink } = session;
  if (sink === null) return false;
  const search = engine.retained.search(subscription.topicFilter);
  let storing = false;
  for (let isMore = true; isMore; ) {
    const names: string[] = [];
    isMore = search.next(NODES_PER_TURN, ({ topicName }) => names.push(topicName));
    for (const [index, name] of names.entries()) {
      if (index % MESSAGES_PER_TURN === MESSAGES_PER_TURN - 1) await engine.nextTurn();
      while (sink.congested && session.sink === sink) await delay(engine, RETRY_MS);
      if (session.sink !== sink) return storing;
      if (deliverOne(engine, session, subscription, name) === Delivery.STORING) storing = true;
    }
    if (isMore) await engine.nextTurn();
    if (session.sink !== sink) return storing;
  }
  return storing;
}

function deliverOne(
  engine: Engine,
  session: Session,
  subscription: SubscriptionRecord,
  name: string,
): Delivery {
  const message = engine.retained.get(name);
  if (message === undefined) return Delivery.NO_SUBSCRIBERS;
  const view = new MessageBodyView().read(message.body);
  const publication = engine.newPublication();
  publication.setBody(view, engine.topics.internAccepted(message.body, view.topicStart, view.topicEnd), null);
  if (publication.expired) return Delivery.NO_SUBSCRIBERS;
  const { qos, subscriptionIdentifier: identifier } = subscription;
  const identifiers = identifier === 0 ? undefined : [identifier];
  return deliverTo(engine, publication, session, qos, true, identifiers, undefined);
}

function delay(engine: Engine, ms: number): Promise<void> {
  return new Promise((resolve) => engine.options.clock.after(ms, resolve));
}
