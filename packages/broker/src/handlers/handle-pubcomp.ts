import type { AcknowledgementView } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import { finishDelivery } from "../delivery/finish-delivery.ts";
import type { Client } from "./client.ts";

/** QoS 2: the delivery is complete. */
export function handlePubcomp(engine: Engine, client: Client, view: AcknowledgementView): void {
  const sequence = client.session.window.complete(view.packetIdentifier);
  if (sequence < 0) engine.counters.unexpectedAcknowledgements++;
  else finishDelivery(engine, client.session, sequence);
}
