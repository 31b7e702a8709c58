import { type AcknowledgementView, PacketType, ReasonCode } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import { finishDelivery } from "../delivery/finish-delivery.ts";
import type { Client } from "./client.ts";

/** QoS 2: the client has the message, or refuses it. */
export function handlePubrec(engine: Engine, client: Client, view: AcknowledgementView): void {
  const { session } = client;
  const { packetIdentifier, reasonCode } = view;
  if (reasonCode >= ReasonCode.UnspecifiedError) {
    // Refused is acknowledged: not sent again [MQTT-4.4.0-2].
    const sequence = session.window.refuse(packetIdentifier);
    if (sequence >= 0) finishDelivery(engine, session, sequence);
    return;
  }
  if (!session.window.release(packetIdentifier)) {
    engine.counters.unexpectedAcknowledgements++;
    const notFound = client.protocolVersion === 5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    client.acknowledge(PacketType.PUBREL, packetIdentifier, notFound, 0);
    return;
  }
  let ticket = 0;
  if (session.stored) {
    // After PUBREL the message is never sent again, not even after a crash [MQTT-4.3.3-6].
    engine.commits.touch(session);
    ticket = engine.commits.ticket();
  }
  client.acknowledge(PacketType.PUBREL, packetIdentifier, ReasonCode.Success, ticket);
}
