import { PacketType } from "@dunlin/protocol";
import { copyOut } from "../arena.ts";
import type { PacketSink } from "../ports/packet-sink.ts";
import type { CommitGroup, InboxAppend } from "../ports/store.ts";
import type { InboxPage, Session } from "../session/session.ts";
import { encodeFor } from "./deliver.ts";
import { qosOf, retainOf } from "./delivery-flags.ts";
import type { Engine } from "./engine.ts";

/** How much of an inbox is read from the store at once. */
const PAGE_MESSAGES = 256;
const PAGE_BYTES = 256 * 1024;

/** What a group added to a session's inbox is stored: it may be sent now. */
export function onInboxStored(
  engine: Engine,
  session: Session,
  append: InboxAppend,
  group: CommitGroup,
): void {
  if (session.sink === null) return;
  const caughtUp = session.pageIndex >= session.page.length && session.window.next === append.firstSequence;
  if (!caughtUp || session.reading) return pumpStored(engine, session);
  keepRest(session, append, group, sendFresh(engine, session, session.sink, append, group));
}

/** The messages are at hand: a session that keeps up never reads its inbox. Returns how many could be sent. */
function sendFresh(
  engine: Engine,
  session: Session,
  sink: PacketSink,
  append: InboxAppend,
  group: CommitGroup,
): number {
  const { references } = append;
  let index = 0;
  for (; index < references.length && !sink.congested; index++) {
    if (!session.window.canSend) {
      engine.counters.limits.maximumInflight++;
      break;
    }
    const { body, flags, subscriptionIdentifiers } = references[index]!;
    const start = group.bodyEnds[body - 1] ?? 0;
    engine.waitingView.read(group.bodies, start, group.bodyEnds[body]);
    sendBody(engine, session, sink, flags, subscriptionIdentifiers);
  }
  return index;
}

/** What has to wait is copied: one message must not hold on to the bodies of a whole group. The rest is in the store. */
function keepRest(session: Session, append: InboxAppend, group: CommitGroup, from: number): void {
  const rest: InboxPage[] = [];
  let bytes = 0;
  for (let index = from; index < append.references.length; index++) {
    if (rest.length === PAGE_MESSAGES || bytes >= PAGE_BYTES) break;
    const { body, flags, subscriptionIdentifiers } = append.references[index]!;
    const copy = copyOut(group.bodies, group.bodyEnds[body - 1] ?? 0, group.bodyEnds[body]!);
    rest.push({ sequence: append.firstSequence + index, flags, subscriptionIdentifiers, body: copy });
    bytes += copy.length;
  }
  session.page = rest;
  session.pageIndex = 0;
}

/** Sends from a session's inbox, in order, as far as its window and its connection allow. */
export function pumpStored(engine: Engine, session: Session): void {
  const { window, sink } = session;
  while (sink !== null && !sink.congested && window.next < session.storedBefore) {
    if (window.nextIsDone) window.passDone();
    else if (!window.canSend) {
      engine.counters.limits.maximumInflight++;
      return;
    } else if (window.nextIsReleased) sink.acknowledge(PacketType.PUBREL, window.sendReleased(), 0, 0);
    else {
      const message = nextMessage(session);
      if (message === undefined) return readPage(engine, session);
      send(engine, session, sink, message);
    }
  }
}

function nextMessage(session: Session): InboxPage | undefined {
  const next = session.window.next;
  while (session.pageIndex < session.page.length) {
    const message = session.page[session.pageIndex]!;
    if (message.sequence === next && message.body.length > 0) return message;
    if (message.sequence > next) return MISSING;
    session.pageIndex++;
  }
  session.page = [];
  session.pageIndex = 0;
  return undefined;
}

/** Stands for a message that the store no longer has: it was damaged. */
const MISSING: InboxPage = {
  sequence: -1,
  flags: 0,
  subscriptionIdentifiers: undefined,
  body: new Uint8Array(0),
};

function send(engine: Engine, session: Session, sink: PacketSink, message: InboxPage): void {
  if (message === MISSING) return passOver(engine, session, 0);
  engine.waitingView.read(message.body);
  session.pageIndex++;
  sendBody(engine, session, sink, message.flags, message.subscriptionIdentifiers);
}

/** Sends the message in `waitingView`, or passes over it. */
function sendBody(
  engine: Engine,
  session: Session,
  sink: PacketSink,
  flags: number,
  identifiers: readonly number[] | undefined,
): void {
  const { topics, counters, waitingView: view, waitingPublication: publication } = engine;
  const { window } = session;
  const bytes = view.payloadEnd - view.start;
  publication.setBody(view, topics.internAccepted(view.bytes, view.topicStart, view.topicEnd), null);
  const dup = window.next < window.sentBefore;
  // A message that the client may have seen is not withheld for its age [MQTT-4.3.3-7].
  if (publication.expired && !dup) {
    counters.droppedByExpiry++;
    counters.messagesDropped++;
    return passOver(engine, session, bytes);
  }
  const qos = qosOf(flags);
  const encoded = encodeFor(engine, publication, sink, qos, retainOf(flags), identifiers);
  if (encoded === undefined) return passOver(engine, session, bytes);
  sink.sendEncodedAs(encoded, window.send(qos, bytes), dup);
}

function passOver(engine: Engine, session: Session, bytes: number): void {
  session.window.skip();
  session.inboxMessageDone(bytes);
  engine.commits.touch(session);
}

function readPage(engine: Engine, session: Session): void {
  if (session.reading) return;
  session.reading = true;
  const { sink } = session;
  const from = session.window.next;
  const before = session.storedBefore;
  engine.options.store.readInbox(session.number, from, PAGE_MESSAGES, PAGE_BYTES).then(
    (page) => {
      session.reading = false;
      if (session.sink === null || session.ended) return;
      // The connection changed meanwhile, and with it where to read from.
      if (session.sink !== sink || session.window.next !== from) return pumpStored(engine, session);
      session.page = page.length > 0 ? page : missingPage(before);
      session.pageIndex = 0;
      pumpStored(engine, session);
    },
    (error: unknown) => {
      // That the store does not work has been said, once and not for each session.
      if (!engine.commits.failing) {
        const { clientId } = session;
        engine.options.logger.error({ error, clientId }, "cannot read the inbox of a session");
      }
      engine.options.clock.after(1000, () => {
        session.reading = false;
        pumpStored(engine, session);
      });
    },
  );
}

/** Nothing is left of all that should be there: pass over it, up to what was stored when it was read. */
function missingPage(before: number): InboxPage[] {
  return [{ ...MISSING, sequence: before }];
}
