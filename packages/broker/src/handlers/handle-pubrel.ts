import { type AcknowledgementView, PacketType, ReasonCode } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { Client } from "./client.ts";

/** QoS 2 from a client: its Packet Identifier is free again, and the next PUBLISH with it is a new message [MQTT-4.3.3-12]. */
export function handlePubrel(engine: Engine, client: Client, view: AcknowledgementView): void {
  const { session } = client;
  const { packetIdentifier } = view;
  if (!session.inboundQoS2.delete(packetIdentifier)) {
    engine.counters.unexpectedAcknowledgements++;
    const notFound = client.protocolVersion === 5 ? ReasonCode.PacketIdentifierNotFound : ReasonCode.Success;
    client.acknowledge(PacketType.PUBCOMP, packetIdentifier, notFound, 0);
    return;
  }
  let ticket = 0;
  if (session.stored) {
    // Were it forgotten after a crash, the next message with this identifier would be taken for a duplicate.
    engine.commits.touch(session);
    ticket = engine.commits.ticket();
  }
  client.acknowledge(PacketType.PUBCOMP, packetIdentifier, ReasonCode.Success, ticket);
}
