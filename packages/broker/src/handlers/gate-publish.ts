import { type QoS, ReasonCode, readMessageProperties } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Publication } from "../delivery/publication.ts";
import type { InterceptedMessage } from "../ports/publish-interceptor.ts";
import type { Client } from "./client.ts";
import { acknowledge, deny, publish } from "./publish.ts";

/** Asks the authorizer and the interceptors about a message, and gives it to the service that its topic belongs to. */
export function gatePublish(
  engine: Engine,
  client: Client,
  publication: Publication,
  packetIdentifier: number,
): void | Promise<void> {
  const allowed = authorizePublish(engine, client, publication);
  if (typeof allowed === "boolean")
    return afterAuthorization(engine, client, publication, packetIdentifier, allowed);
  publication.hold();
  return allowed.then((answer) => afterAuthorization(engine, client, publication, packetIdentifier, answer));
}

function authorizePublish(
  engine: Engine,
  client: Client,
  publication: Publication,
): boolean | Promise<boolean> {
  const { authorizer, logger } = engine.options;
  if (authorizer === undefined) return true;
  const failed = (error: unknown): boolean => {
    logger.error({ error, clientId: client.identity.clientId }, "the authorizer failed: denied");
    return false;
  };
  try {
    const answer = authorizer.authorize({
      client: client.identity,
      action: "publish",
      topic: publication.topic.name,
      qos: publication.qos,
      retain: publication.retain,
    });
    return typeof answer === "boolean" ? answer : answer.catch(failed);
  } catch (error) {
    return failed(error);
  }
}

function afterAuthorization(
  engine: Engine,
  client: Client,
  publication: Publication,
  packetIdentifier: number,
  allowed: boolean,
): void | Promise<void> {
  if (client.closed) return;
  const { publishInterceptors, systemTopicServices } = engine.options;
  const { topic, qos } = publication;
  if (!allowed) {
    return deny(engine, client, topic.name, qos, packetIdentifier, "not authorized");
  }
  if (publishInterceptors.length > 0) return intercept(engine, client, publication, packetIdentifier);
  if (systemTopicServices.length > 0 && topic.isSystem) {
    if (serve(engine, client, messageOf(publication))) {
      return acknowledge(engine, client, qos, packetIdentifier, ReasonCode.Success, 0);
    }
  }
  return publish(engine, client, publication, qos, packetIdentifier);
}

async function intercept(
  engine: Engine,
  client: Client,
  publication: Publication,
  packetIdentifier: number,
): Promise<void> {
  const received = publication.qos;
  let message = messageOf(publication);
  for (const interceptor of engine.options.publishInterceptors) {
    const result = await interceptor.intercept(message, client.identity);
    if (client.closed) return;
    if (result.action === "replace") message = result.message;
    else if (result.action === "reject") {
      engine.counters.publishesDenied++;
      const { reasonCode, reasonString } = result;
      return acknowledge(engine, client, received, packetIdentifier, reasonCode, 0, reasonString);
    } else if (result.action === "drop") {
      engine.options.logger.debug(
        { topic: message.topicName, reason: result.reason },
        "an interceptor dropped a message",
      );
      return acknowledge(engine, client, received, packetIdentifier, ReasonCode.Success, 0);
    }
  }
  if (serve(engine, client, message)) {
    return acknowledge(engine, client, received, packetIdentifier, ReasonCode.Success, 0);
  }
  const qos = Math.min(message.qos, received) as QoS;
  publication.setMessage({ ...message, qos }, engine.topics.internName(message.topicName), client.session);
  return publish(engine, client, publication, received, packetIdentifier);
}

/** Whether a service has taken the message, because it lies below its prefix. */
function serve(engine: Engine, client: Client, message: InterceptedMessage): boolean {
  for (const service of engine.options.systemTopicServices) {
    if (!message.topicName.startsWith(service.prefix)) continue;
    service.onPublish?.(message, client.identity);
    return true;
  }
  return false;
}

/** Its payload goes to the embedding program, which may keep it. */
function messageOf(publication: Publication): InterceptedMessage {
  publication.hold();
  const { propertyBytes, propertiesStart, propertiesEnd, payloadBytes, payloadStart, payloadEnd } =
    publication;
  return {
    topicName: publication.topic.name,
    payload: payloadBytes.subarray(payloadStart, payloadEnd),
    qos: publication.qos,
    retain: publication.retain,
    properties: {
      ...readMessageProperties(propertyBytes, propertiesStart, propertiesEnd),
      ...publication.expiryProperty,
    },
  };
}
