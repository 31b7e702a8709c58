import type { ConnectPacket, ProtocolVersion, Will } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import { encodeMessageBody } from "../delivery/message-body.ts";
import type { PendingWill } from "../session/pending-will.ts";
import { NEVER_EXPIRES, Session } from "../session/session.ts";

export interface OpenedSession {
  readonly session: Session;
  /** Session Present of CONNACK [MQTT-3.2.2-3]. */
  readonly present: boolean;
}

/** Takes the Client Identifier over from whoever holds it, and finds or makes its session [MQTT-3.1.4-4]. */
export function openSession(
  engine: Engine,
  connect: ConnectPacket,
  clientId: string,
): OpenedSession | "full" {
  const { sessions, ends, options, counters } = engine;
  const holder = sessions.get(clientId);
  if (ends.stateMemory.exhausted && (holder === undefined || connect.will !== undefined)) {
    counters.limits.maximumSessionStateBytes++;
    return "full";
  }
  if (holder?.sink != null) {
    counters.sessionsTakenOver++;
    holder.sink.takenOver();
  }
  // A session without expiry has ended with its connection just now.
  let existing = sessions.get(clientId);
  if (existing !== undefined && connect.cleanStart) {
    ends.end(existing, false); // [MQTT-3.1.2-4]
    existing = undefined;
  }
  const expiry = sessionExpiryOf(engine, connect);
  if (existing !== undefined) {
    existing.protocolVersion = connect.protocolVersion;
    existing.expiryIntervalSeconds = expiry;
    return { session: existing, present: true }; // [MQTT-3.1.2-5]
  }
  if (sessions.size >= options.limits.maximumSessions) {
    counters.limits.maximumSessions++;
    return "full";
  }
  const session = newSession(engine, clientId, connect.protocolVersion, expiry > 0);
  session.expiryIntervalSeconds = expiry;
  return { session, present: false }; // [MQTT-3.1.2-6]
}

export function newSession(
  engine: Engine,
  clientId: string,
  version: ProtocolVersion,
  stored: boolean,
): Session {
  const session = new Session(clientId, engine.sessions.takeNumber(), version, stored, engine.ends);
  engine.sessions.add(session);
  engine.events.emit("sessionStarted", { clientId, stored });
  return session;
}

/** Before MQTT 5.0 a session lasts for ever, or as long as its connection. */
function sessionExpiryOf(engine: Engine, connect: ConnectPacket): number {
  if (connect.protocolVersion === 5) {
    return limitSessionExpiry(engine, connect.properties.sessionExpiryIntervalSeconds ?? 0);
  }
  return connect.cleanStart ? 0 : limitSessionExpiry(engine, NEVER_EXPIRES);
}

export function limitSessionExpiry(engine: Engine, seconds: number): number {
  const { maximumSessionExpiryIntervalSeconds: maximum } = engine.options.limits;
  if (seconds <= maximum) return seconds;
  engine.counters.limits.maximumSessionExpiryIntervalSeconds++;
  return maximum;
}

/** Puts the Will Message of CONNECT in the session's state; an earlier one is void [MQTT-3.1.2-7, MQTT-3.1.3-9]. */
export function setWill(engine: Engine, session: Session, will: Will | undefined): void {
  engine.ends.dropWill(session);
  if (will === undefined) return;
  const publishAtMs = 0;
  const pending: PendingWill = {
    body: willBody(engine, will),
    delayIntervalSeconds: will.properties.willDelayIntervalSeconds ?? 0,
    publishAtMs,
  };
  session.will = pending;
  const { body, delayIntervalSeconds: willDelayIntervalSeconds } = pending;
  if (session.stored) engine.commits.putWill(session, { body, willDelayIntervalSeconds, publishAtMs });
}

function willBody(engine: Engine, will: Will): Uint8Array {
  const { willDelayIntervalSeconds, messageExpiryIntervalSeconds, ...properties } = will.properties;
  const { topicName, payload, qos, retain } = will;
  const publication = engine.newPublication();
  const topic = engine.topics.internName(topicName);
  publication.setMessage({ topicName, payload, qos, retain, properties }, topic, null);
  // In a will's body the expiry is an interval: it counts from its publication.
  if (messageExpiryIntervalSeconds !== undefined)
    publication.expiresAtMs = messageExpiryIntervalSeconds * 1000;
  return encodeMessageBody(publication);
}
