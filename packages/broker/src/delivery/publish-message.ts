import type { InterceptedMessage } from "../ports/publish-interceptor.ts";
import { Delivery, deliver, deliverTo } from "./deliver.ts";
import type { Engine } from "./engine.ts";

/** Publishes a message of the broker's own: the embedding program's, a service's. True: it is on its way to the store. */
export function publishMessage(engine: Engine, message: InterceptedMessage): boolean {
  const publication = engine.newPublication();
  publication.setMessage(message, engine.topics.internName(message.topicName), null);
  let storing = false;
  if (publication.retain && engine.retained.admits(publication)) {
    engine.retained.put(publication);
    storing = true;
  }
  return deliver(engine, publication) === Delivery.STORING || storing;
}

/** To one client, whether it subscribes or not. False where it has no session. */
export function publishMessageTo(engine: Engine, clientId: string, message: InterceptedMessage): boolean {
  const session = engine.sessions.get(clientId);
  if (session === undefined) return false;
  const publication = engine.newPublication();
  publication.setMessage(message, engine.topics.internName(message.topicName), null);
  deliverTo(engine, publication, session, publication.qos, false, undefined, undefined);
  return true;
}
