import { isSharedFilter } from "@dunlin/protocol";
import type { Session } from "../session/session.ts";
import { deliverToGroup } from "./deliver.ts";
import { qosOf, shareMark, shareMarkOf } from "./delivery-flags.ts";
import type { Engine } from "./engine.ts";
import { MessageBodyView } from "./message-body.ts";

/** How much of an inbox is passed on in one turn. */
const SLICE_MESSAGES = 256;
const SLICE_BYTES = 256 * 1024;

/** Gives a message to another member of the Shared Subscription that it came through: one of these, `$share/` included. */
export function passOn(engine: Engine, body: Uint8Array, shareFilters: readonly string[]): void {
  const { topics, router, counters } = engine;
  const view = new MessageBodyView().read(body);
  const publication = engine.newPublication();
  const topic = topics.internAccepted(body, view.topicStart, view.topicEnd);
  publication.setBody(view, topic, null);
  if (publication.expired) {
    counters.droppedByExpiry++;
    counters.messagesDropped++;
    return;
  }
  for (const group of router.routeOf(topic).groups) {
    const topicFilter = group.members[0]?.subscription.topicFilter;
    if (topicFilter !== undefined && shareFilters.includes(topicFilter)) {
      deliverToGroup(engine, publication, group);
      return;
    }
  }
}

/** Whether other members of Shared Subscriptions may have to get what is in its inbox. */
export function sharesInbox(session: Session): boolean {
  return session.queuedMessages > 0 && sharedFiltersOf(session).length > 0;
}

/**
 * Passes on what came to a stored session that has ended through Shared Subscriptions, and then deletes it. Where the
 * broker stops or crashes before, that goes on at the next start.
 */
export async function passInboxOn(engine: Engine, session: Session): Promise<void> {
  const { commits, options } = engine;
  const shareFilters = sharedFiltersOf(session);
  session.window.rewind();
  try {
    await commits.stored();
    for (let from = 0; ; ) {
      const slice = await options.store.readInbox(session.number, from, SLICE_MESSAGES, SLICE_BYTES);
      if (slice.length === 0) break;
      for (const { sequence, flags, body } of slice) {
        from = sequence + 1;
        const mark = shareMarkOf(flags);
        // What was sent at QoS 2 must go to nobody else [MQTT-4.8.2-5].
        if (mark === 0 || (qosOf(flags) === 2 && sequence < session.window.sentBefore)) continue;
        passOn(
          engine,
          body,
          shareFilters.filter((each) => shareMark(each) === mark),
        );
      }
      // In the group that gives them to others: after a crash they would be passed on again.
      while (session.window.next < from) session.window.skip();
      commits.touch(session);
      await engine.nextTurn();
    }
  } catch (error) {
    const { clientId } = session;
    options.logger.error({ error, clientId }, "cannot pass on the inbox of a session that has ended");
    return;
  }
  commits.deleteSession(session);
}

function sharedFiltersOf(session: Session): string[] {
  return [...session.subscriptions.keys()].filter(isSharedFilter);
}
