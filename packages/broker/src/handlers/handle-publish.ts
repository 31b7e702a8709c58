import {
  PacketType,
  ProtocolError,
  type PublishView,
  type QoS,
  ReasonCode,
  validateUtf8,
} from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Topic } from "../routing/topic.ts";
import type { Session } from "../session/session.ts";
import type { Client } from "./client.ts";
import { gatePublish } from "./gate-publish.ts";
import { acknowledge, deny, publish } from "./publish.ts";

/** Clients may not publish here: it is the broker's own voice. */
const BROKER_TOPICS = "$SYS/";

/** A promise only where an authorizer, interceptor or service takes its time. */
export function handlePublish(engine: Engine, client: Client, view: PublishView): void | Promise<void> {
  const { counters } = engine;
  counters.publishReceived++;
  counters.publishBytesReceived += view.end - view.payloadStart;
  const topic = topicOf(engine, client, view);
  const { qos, packetIdentifier } = view;
  if (qos === 2 && client.session.inboundQoS2.has(packetIdentifier)) {
    // Received before and not yet released: acknowledged, not delivered again [MQTT-4.3.3-10].
    client.acknowledge(PacketType.PUBREC, packetIdentifier, ReasonCode.Success, 0);
    return;
  }
  if (qos > 0) checkQuota(engine, client, qos);
  if (view.payloadFormatIndicator === 1 && !payloadIsUtf8(engine, view)) {
    acknowledge(
      engine,
      client,
      qos,
      packetIdentifier,
      ReasonCode.PayloadFormatInvalid,
      0,
      "the payload is not UTF-8",
    );
    return;
  }
  if (topic.isSystem && topic.name.startsWith(BROKER_TOPICS)) {
    deny(engine, client, topic.name, qos, packetIdentifier, "the topic belongs to the broker");
    return;
  }
  if (engine.gated) {
    // Its own publication: others may come by before the answer does. The received bytes stay unchanged.
    const publication = engine.newPublication();
    publication.setReceived(view, client.protocolVersion, topic, client.session);
    return gatePublish(engine, client, publication, packetIdentifier);
  }
  const publication = engine.publication;
  publication.setReceived(view, client.protocolVersion, topic, client.session);
  return publish(engine, client, publication, qos, packetIdentifier);
}

function topicOf(engine: Engine, client: Client, view: PublishView): Topic<Session> {
  const { topicAlias, topicStart, topicEnd } = view;
  if (topicAlias === 0) return engine.topics.intern(view.bytes, topicStart, topicEnd, view.start);
  if (topicAlias > client.limits.topicAliasMaximum) {
    engine.counters.limits.topicAliasMaximum++;
    throw new ProtocolError(
      ReasonCode.TopicAliasInvalid,
      `Topic Alias ${topicAlias} is over the maximum of ${client.limits.topicAliasMaximum}`,
      { packet: "PUBLISH", offset: view.topicAliasOffset - view.start, clause: "MQTT-3.3.2-9" },
    );
  }
  if (topicEnd > topicStart) {
    const topic = engine.topics.intern(view.bytes, topicStart, topicEnd, view.start);
    client.inboundAliases.set(topicAlias, topic);
    return topic;
  }
  const topic = client.inboundAliases.get(topicAlias);
  if (topic === undefined) {
    throw new ProtocolError(ReasonCode.ProtocolError, `Topic Alias ${topicAlias} has not been set`, {
      packet: "PUBLISH",
      offset: view.topicAliasOffset - view.start,
      clause: "MQTT 5.0, 3.3.2.3.4",
    });
  }
  return topic;
}

function checkQuota(engine: Engine, client: Client, qos: QoS): void {
  const { receiveMaximum, maximumInboundQoS2 } = client.limits;
  if (client.protocolVersion === 5 && client.unacknowledgedPublishes >= receiveMaximum) {
    engine.counters.limits.receiveMaximum++;
    throw new ProtocolError(
      ReasonCode.ReceiveMaximumExceeded,
      `more than ${receiveMaximum} publishes are unacknowledged`,
      { packet: "PUBLISH", clause: "MQTT-3.3.4-7" },
    );
  }
  if (qos === 2 && client.session.inboundQoS2.size >= maximumInboundQoS2) {
    engine.counters.limits.maximumInboundQoS2++;
    throw new ProtocolError(
      ReasonCode.ReceiveMaximumExceeded,
      `more than ${maximumInboundQoS2} QoS 2 publishes wait for their PUBREL`,
      { packet: "PUBLISH" },
    );
  }
}

function payloadIsUtf8(engine: Engine, view: PublishView): boolean {
  if (!engine.options.validatePayloadFormat) return true;
  return validateUtf8(view.bytes, view.payloadStart, view.end) < 0;
}
