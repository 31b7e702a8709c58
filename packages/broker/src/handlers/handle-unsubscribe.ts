import { ReasonCode, topicFilterProblem, type UnsubscribePacket } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Client } from "./client.ts";

/** Takes off the subscriptions whose Topic Filters are the same to the letter [MQTT-3.10.4-1]. */
export async function handleUnsubscribe(
  engine: Engine,
  client: Client,
  packet: UnsubscribePacket,
): Promise<void> {
  const { session } = client;
  const reasonCodes = packet.topicFilters.map((topicFilter) => unsubscribe(engine, client, topicFilter));
  if (session.stored) await engine.commits.stored();
  if (client.closed) return;
  client.send({ type: "UNSUBACK", packetIdentifier: packet.packetIdentifier, reasonCodes, properties: {} });
}

function unsubscribe(engine: Engine, client: Client, topicFilter: string): ReasonCode {
  const { session } = client;
  if (topicFilterProblem(topicFilter) !== undefined) return ReasonCode.TopicFilterInvalid;
  if (!session.deleteSubscription(topicFilter)) return ReasonCode.NoSubscriptionExisted;
  engine.router.unsubscribe(session, topicFilter);
  if (session.stored) engine.commits.putSubscription(session, topicFilter, null);
  engine.events.emit("unsubscribed", { client: client.identity, topicFilter });
  for (const service of engine.options.systemTopicServices) {
    if (topicFilter.startsWith(service.prefix)) service.onUnsubscribe?.(topicFilter, client.identity);
  }
  return ReasonCode.Success;
}
