import type { Session } from "../session/session.ts";
import { encodeFor, rememberShared } from "./deliver.ts";
import { qosOf, retainOf } from "./delivery-flags.ts";
import type { Engine } from "./engine.ts";

/** Sends what waits in memory for a session, as far as its window and its connection allow. */
export function pumpLive(engine: Engine, session: Session): void {
  const { queue, window, sink } = session;
  if (queue.length === 0 || sink === null) return;
  const view = engine.waitingView;
  const publication = engine.waitingPublication;
  while (window.canSend && !sink.congested) {
    const heldBefore = queue.heldBytes;
    const message = queue.shift();
    if (message === undefined) return;
    engine.memory.add(queue.heldBytes - heldBefore);
    view.read(message.body);
    publication.setBody(view, engine.topics.internAccepted(view.bytes, view.topicStart, view.topicEnd), null);
    if (publication.expired) {
      engine.counters.droppedByExpiry++;
      engine.counters.messagesDropped++;
      continue;
    }
    const qos = qosOf(message.flags);
    const retain = retainOf(message.flags);
    const encoded = encodeFor(engine, publication, sink, qos, retain, message.subscriptionIdentifiers);
    if (encoded === undefined) continue;
    if (message.shareFilter !== undefined) rememberShared(engine, session, message.body, message.shareFilter);
    sink.sendEncodedAs(encoded, window.send(qos, 0), false);
  }
}
