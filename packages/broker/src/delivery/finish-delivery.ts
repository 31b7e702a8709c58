import type { Session } from "../session/session.ts";
import type { Engine } from "./engine.ts";
import { pumpLive } from "./live-delivery.ts";
import { pumpStored } from "./stored-delivery.ts";

/** A client has acknowledged a message for good: its place in the window is free for the next one. */
export function finishDelivery(engine: Engine, session: Session, sequence: number): void {
  if (session.stored) {
    session.inboxMessageDone(session.window.doneBytes);
    engine.commits.touch(session);
  } else if (session.sharedInflight !== undefined) {
    engine.memory.add(-session.sharedInflight.delete(sequence));
  }
  pump(engine, session);
}

/** Sends what waits for a session, as far as its window and its connection allow. */
export function pump(engine: Engine, session: Session): void {
  if (session.stored) pumpStored(engine, session);
  else pumpLive(engine, session);
}
