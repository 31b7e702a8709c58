import { PacketType, type QoS, ReasonCode } from "@dunlin/protocol";
import { Delivery, deliver } from "../delivery/deliver.ts";
import type { Engine } from "../delivery/engine.ts";
import type { Publication } from "../delivery/publication.ts";
import type { Client } from "./client.ts";

/**
 * Retains, delivers and acknowledges a message that may be published. A promise where more waits to be stored than
 * is allowed: nothing more is read from this client until there is room.
 */
export function publish(
  engine: Engine,
  client: Client,
  publication: Publication,
  qos: QoS,
  packetIdentifier: number,
): void | Promise<void> {
  let storing = false;
  if (publication.retain) {
    if (engine.retained.admits(publication)) {
      engine.retained.put(publication);
      storing = true;
    } else if (qos > 0 && client.protocolVersion === 5) {
      acknowledge(engine, client, qos, packetIdentifier, ReasonCode.QuotaExceeded, 0, RETAINED_FULL);
      return;
    }
  }
  const delivery = deliver(engine, publication);
  if (qos === 0) return;
  const ticket = storing || delivery === Delivery.STORING ? engine.commits.ticket() : 0;
  const reasonCode =
    delivery === Delivery.NO_SUBSCRIBERS ? ReasonCode.NoMatchingSubscribers : ReasonCode.Success;
  acknowledge(engine, client, qos, packetIdentifier, reasonCode, ticket);
  if (ticket > 0) return backPressure(engine);
}

function backPressure(engine: Engine): void | Promise<void> {
  const { commits, counters, options } = engine;
  if (commits.pendingBytes <= options.limits.maximumPendingCommitBytes) return;
  counters.limits.maximumPendingCommitBytes++;
  return commits.stored();
}

const RETAINED_FULL = "the limit of retained messages is reached";

/** PUBACK or PUBREC [MQTT-3.3.4-1]; with QoS 0 nothing. `ticket`: the commit group that it has to wait for. */
export function acknowledge(
  engine: Engine,
  client: Client,
  qos: QoS,
  packetIdentifier: number,
  reasonCode: ReasonCode,
  ticket: number,
  reasonString?: string,
): void {
  if (qos === 1) client.acknowledge(PacketType.PUBACK, packetIdentifier, reasonCode, ticket, reasonString);
  else if (qos === 2) {
    const session = client.session;
    let waitFor = ticket;
    if (reasonCode < ReasonCode.UnspecifiedError) {
      session.inboundQoS2.add(packetIdentifier);
      if (session.stored) {
        engine.commits.touch(session);
        waitFor = engine.commits.ticket();
      }
    } else if (client.protocolVersion < 5) {
      // Without a Reason Code the client goes on with PUBREL.
      session.inboundQoS2.add(packetIdentifier);
    }
    client.acknowledge(PacketType.PUBREC, packetIdentifier, reasonCode, waitFor, reasonString);
  }
}

export function deny(
  engine: Engine,
  client: Client,
  topic: string,
  qos: QoS,
  packetIdentifier: number,
  reason: string,
): void {
  engine.counters.publishesDenied++;
  const { clientId } = client.identity;
  engine.clientLines.note("info", { clientId, topic, reason }, "a publish was denied");
  acknowledge(engine, client, qos, packetIdentifier, ReasonCode.NotAuthorized, 0, reason);
}
