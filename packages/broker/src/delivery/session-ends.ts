import { MemoryBudget } from "../memory-budget.ts";
import { NEVER_EXPIRES, type Session, type SessionKeeper } from "../session/session.ts";
import type { SharedMessage } from "../session/shared-inflight.ts";
import { deliver } from "./deliver.ts";
import type { Engine } from "./engine.ts";
import { MessageBodyView } from "./message-body.ts";
import { passInboxOn, passOn, sharesInbox } from "./pass-on.ts";

/** What happens to a session after its connection: its will, its expiry, its end. */
export class SessionEnds implements SessionKeeper {
  readonly #engine: Engine;
  readonly stateMemory: MemoryBudget;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.stateMemory = new MemoryBudget(engine.options.limits.maximumSessionStateBytes);
  }

  /** The connection of a session is gone. `withWill` unless DISCONNECT 0x00 took the will back [MQTT-3.14.4-3]. */
  onDisconnected(session: Session, withWill: boolean): void {
    const { commits, options } = this.#engine;
    session.sink = null;
    session.page = [];
    session.pageIndex = 0;
    if (!withWill) this.dropWill(session);
    if (session.expiryIntervalSeconds === 0) return this.end(session, false);
    const now = options.clock.now();
    session.expiresAtMs =
      session.expiryIntervalSeconds === NEVER_EXPIRES
        ? Number.POSITIVE_INFINITY
        : now + session.expiryIntervalSeconds * 1000;
    if (session.will !== undefined) this.#delayWill(session, now);
    commits.putSession(session);
    this.schedule(session, now);
  }

  /** Sets the session's next deadline: that of its will, or its expiry. */
  schedule(session: Session, nowMs: number): void {
    const due = Math.min(session.expiresAtMs, session.will?.publishAtMs ?? Number.POSITIVE_INFINITY);
    if (due === Number.POSITIVE_INFINITY) return;
    this.#engine.wheel.schedule(session, this.#engine.options.clock.monotonic() + Math.max(0, due - nowMs));
  }

  onSessionDeadline(session: Session): void {
    if (session.connected || session.ended) return;
    const now = this.#engine.options.clock.now();
    if (session.expiresAtMs <= now) {
      this.#engine.counters.sessionsExpired++;
      return this.end(session, true);
    }
    if (session.will !== undefined && session.will.publishAtMs <= now) this.#publishWill(session);
    this.schedule(session, now);
  }

  /** The session is over: its will goes out if it is still pending [MQTT-3.1.2-8], all else is discarded. */
  end(session: Session, expired: boolean): void {
    if (session.ended) return;
    session.ended = true;
    const { wheel, router, sessions, commits, events } = this.#engine;
    wheel.cancel(session);
    // Off the router first, so that neither its will nor another member's share comes back to it.
    for (const topicFilter of session.subscriptions.keys()) router.unsubscribe(session, topicFilter);
    sessions.delete(session);
    if (session.will !== undefined) this.#publishWill(session);
    this.#passSharedOn(session);
    if (session.stored && sharesInbox(session)) {
      commits.parkSession(session);
      void passInboxOn(this.#engine, session);
    } else if (session.stored) commits.deleteSession(session);
    session.release();
    events.emit("sessionEnded", { clientId: session.clientId, expired });
  }

  /** Takes the will back without publishing it. */
  dropWill(session: Session): void {
    if (session.will === undefined) return;
    session.will = undefined;
    if (session.stored) this.#engine.commits.putWill(session, null);
  }

  #delayWill(session: Session, nowMs: number): void {
    const will = session.will!;
    if (will.delayIntervalSeconds === 0) return this.#publishWill(session);
    will.publishAtMs = nowMs + will.delayIntervalSeconds * 1000;
    const { body, delayIntervalSeconds, publishAtMs } = will;
    if (session.stored) {
      this.#engine.commits.putWill(session, {
        body,
        willDelayIntervalSeconds: delayIntervalSeconds,
        publishAtMs,
      });
    }
  }

  #publishWill(session: Session): void {
    const body = session.will!.body;
    this.dropWill(session);
    this.#engine.counters.wills++;
    const { topics, retained, options } = this.#engine;
    const view = new MessageBodyView().read(body);
    const publication = this.#engine.newPublication();
    publication.setBody(view, topics.internAccepted(body, view.topicStart, view.topicEnd), session);
    // In a will's body the expiry is an interval, which counts from its publication.
    publication.expiresAtMs += options.clock.now();
    if (publication.retain && retained.admits(publication)) retained.put(publication);
    deliver(this.#engine, publication);
  }

  /** What another member of a shared subscription has to get instead: queued, or sent at QoS 1 and unacknowledged. */
  #passSharedOn(session: Session): void {
    const messages: SharedMessage[] = [];
    for (const { sequence, qos } of session.window.unacknowledged()) {
      const message = session.sharedInflight?.get(sequence);
      // What was sent at QoS 2 must go to nobody else [MQTT-4.8.2-5].
      if (message !== undefined && qos === 1) messages.push(message);
    }
    const inflightBytes = session.sharedInflight?.bytes ?? 0;
    session.sharedInflight = undefined;
    this.#engine.memory.add(-inflightBytes - session.queue.heldBytes);
    for (const { body, shareFilter } of session.queue.takeAll()) {
      if (shareFilter !== undefined) messages.push({ body, shareFilter });
    }
    for (const { body, shareFilter } of messages) passOn(this.#engine, body, [shareFilter]);
  }
}
