import { AcknowledgementView, KnownBytes, PublishView } from "@dunlin/protocol";
import { Arena } from "../arena.ts";
import { Counters } from "../counters.ts";
import { EventEmitter } from "../events.ts";
import { MemoryBudget } from "../memory-budget.ts";
import type { ResolvedOptions } from "../options.ts";
import type { CommitGroup, InboxAppend } from "../ports/store.ts";
import { RepeatedLines } from "../repeated-lines.ts";
import { Router } from "../routing/router.ts";
import { TopicTable } from "../routing/topic-table.ts";
import type { Session } from "../session/session.ts";
import { Sessions } from "../session/sessions.ts";
import { TimerWheel } from "../timer-wheel.ts";
import { GroupCommit } from "./group-commit.ts";
import { MessageBodyView } from "./message-body.ts";
import { Publication } from "./publication.ts";
import { RetainedMessages } from "./retained-messages.ts";
import { SessionEnds } from "./session-ends.ts";
import { onInboxStored } from "./stored-delivery.ts";

/** What a running broker consists of; handed to every handler. One instance per broker, no state outside of it. */
export class Engine {
  readonly options: ResolvedOptions;
  readonly counters: Counters = new Counters();
  readonly events: EventEmitter;
  readonly memory: MemoryBudget;
  readonly wheel: TimerWheel;
  readonly topics: TopicTable<Session>;
  readonly router: Router<Session>;
  readonly sessions: Sessions = new Sessions();
  readonly commits: GroupCommit;
  readonly retained: RetainedMessages;
  readonly ends: SessionEnds;
  /** The log, for lines that clients cause. */
  readonly clientLines: RepeatedLines;

  /** Received bytes, and packets that were encoded. */
  readonly arena: Arena = new Arena();
  /** Reused for every PUBLISH and acknowledgement: they are dealt with before the next one is read. */
  readonly publishView: PublishView = new PublishView(new KnownBytes());
  readonly acknowledgementView: AcknowledgementView = new AcknowledgementView();
  readonly publication: Publication;
  /** Reused for every message that comes out of a queue or an inbox. */
  readonly waitingView: MessageBodyView = new MessageBodyView();
  readonly waitingPublication: Publication;
  /** Whether a PUBLISH must be asked about before it is routed: an authorizer, interceptors, services. */
  readonly gated: boolean;

  readonly #now = (): number => this.options.clock.now();

  constructor(options: ResolvedOptions) {
    this.options = options;
    this.events = new EventEmitter((error) => options.logger.error({ error }, "an event handler threw"));
    this.memory = new MemoryBudget(options.limits.memoryBudgetBytes, options.store);
    this.wheel = new TimerWheel(options.clock.monotonic());
    this.topics = new TopicTable(options.limits, this.counters.limits);
    this.router = new Router(this.topics);
    this.commits = new GroupCommit(options.store, options.clock, this.counters, options.logger);
    this.retained = new RetainedMessages(options.limits, this.counters, this.commits);
    this.ends = new SessionEnds(this);
    this.clientLines = new RepeatedLines(options.logger, options.clock, this.counters);
    this.publication = this.newPublication();
    this.waitingPublication = this.newPublication();
    this.gated =
      options.authorizer !== undefined ||
      options.publishInterceptors.length > 0 ||
      options.systemTopicServices.length > 0;
    this.commits.listener = {
      onInboxStored: (session: Session, append: InboxAppend, group: CommitGroup) =>
        onInboxStored(this, session, append, group),
    };
  }

  /** Resolves once everyone else has had a turn: for loops whose length is up to a client. */
  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.options.clock.afterTurn(resolve));
  }

  /** One of its own, for a message that does not come straight from a connection. */
  newPublication(): Publication {
    return new Publication(this.arena, this.#now);
  }
}
