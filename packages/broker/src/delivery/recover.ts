import type { RecoveredSession, RecoverySummary } from "../ports/store.ts";
import { NEVER_EXPIRES, Session } from "../session/session.ts";
import type { Engine } from "./engine.ts";
import { passInboxOn } from "./pass-on.ts";

/** Opens the store and brings back what it holds; what fell due while the broker was down happens now. */
export async function recover(engine: Engine): Promise<void> {
  const { options, sessions, retained } = engine;
  const recovered: RecoveredSession[] = [];
  const summary = await options.store.open({
    session: (session) => recovered.push(session),
    retained: (topicName, body) => retained.load(topicName, body),
  });
  for (const line of summary.quarantined) options.logger.error({}, line);
  sessions.startNumbersAt(summary.nextSessionNumber);
  const now = options.clock.now();
  const restored = recovered.map((each) => restore(engine, each, summary, now));
  // Wills only now: whoever subscribes to their topics is back.
  for (const session of restored) {
    if (session.ended) void passInboxOn(engine, session);
    else engine.ends.onSessionDeadline(session);
  }
  if (recovered.length > 0 || retained.size > 0) {
    options.logger.info(
      { sessions: recovered.length, retainedMessages: retained.size },
      "brought back from the store",
    );
  }
}

function restore(
  engine: Engine,
  recovered: RecoveredSession,
  summary: RecoverySummary,
  now: number,
): Session {
  const { record, state, will } = recovered;
  // Connected when the broker went down: its connection ended when the broker was last alive.
  const wasConnected = record.expiresAtMs === 0;
  const endedMs = summary.lastAliveAtMs === 0 ? now : Math.min(summary.lastAliveAtMs, now);
  // Whatever may have been sent since the last state was stored is marked DUP when it is sent again.
  const sentBefore = wasConnected ? recovered.nextSequence : state.sentBefore;
  const session = new Session(
    record.clientId,
    record.sessionNumber,
    record.protocolVersion,
    true,
    engine.ends,
    { ...recovered, state: { ...state, sentBefore } },
  );
  if (record.clientId === "") {
    session.ended = true;
    session.release();
    return session;
  }
  engine.sessions.add(session);
  for (const subscription of recovered.subscriptions) engine.router.subscribe(session, subscription);
  if (wasConnected) {
    const expiry = record.sessionExpiryIntervalSeconds;
    session.expiresAtMs = expiry === NEVER_EXPIRES ? Number.POSITIVE_INFINITY : endedMs + expiry * 1000;
    engine.commits.putSession(session);
  }
  if (will !== undefined) {
    const { body, willDelayIntervalSeconds: delayIntervalSeconds } = will;
    const publishAtMs = will.publishAtMs === 0 ? endedMs + delayIntervalSeconds * 1000 : will.publishAtMs;
    session.will = { body, delayIntervalSeconds, publishAtMs };
    // Else its delay would begin anew with the next crash.
    if (will.publishAtMs !== publishAtMs) engine.commits.putWill(session, { ...will, publishAtMs });
  }
  return session;
}
