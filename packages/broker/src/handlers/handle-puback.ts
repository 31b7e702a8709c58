import type { AcknowledgementView } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import { finishDelivery } from "../delivery/finish-delivery.ts";
import type { Client } from "./client.ts";

/** QoS 1: the client has the message. */
export function handlePuback(engine: Engine, client: Client, view: AcknowledgementView): void {
  const sequence = client.session.window.acknowledge(view.packetIdentifier);
  if (sequence < 0) engine.counters.unexpectedAcknowledgements++;
  else finishDelivery(engine, client.session, sequence);
}
