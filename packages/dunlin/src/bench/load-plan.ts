import type { ConnectPacket, PublishProperties, QoS } from "@dunlin/protocol";

export const loadModes = [
  "connect",
  "pub",
  "sub",
  "pairs",
  "fan-in",
  "fan-out",
  "filters",
  "latency",
] as const;
export type LoadMode = (typeof loadModes)[number];

/** Where the broker is, in a form that can be sent to a worker thread; the host has been looked up. */
export interface LoadTarget {
  readonly url: string;
  /** IP address, or path of a Unix socket. */
  readonly address: string;
  readonly port: number;
  readonly tls: {
    readonly ca?: Uint8Array;
    readonly cert?: Uint8Array;
    readonly key?: Uint8Array;
    readonly checkHostName: boolean;
  };
}

/** All that the workers have to know of a run. */
export interface LoadPlan {
  readonly mode: LoadMode;
  /** Stands in every payload, so that messages of other runs are told apart. */
  readonly runId: number;
  readonly target: LoadTarget;
  /** CONNECT of every client but for the Client Identifier. */
  readonly connect: ConnectPacket;
  readonly publishProperties: PublishProperties;
  readonly retain: boolean;
  readonly publishers: number;
  readonly subscribers: number;
  /** Clients that only connect. */
  readonly idlers: number;
  /** Whether idlers subscribe to a filter each. */
  readonly idlersSubscribe: boolean;
  readonly publishQoS: QoS;
  readonly subscribeQoS: QoS;
  readonly payloadBytes: number;
  /** What topics begin with; in modes pub and sub the whole topic or filter, "%i" being the number of the client. */
  readonly topic: string;
  readonly topicsPerPublisher: number;
  readonly filtersPerSubscriber: number;
  /** QoS 1 and 2: messages of a publisher without acknowledgement. */
  readonly window: number;
  /** Messages of a publisher that are published and not yet delivered; 0: no limit. */
  readonly inFlight: number;
  /** Packets in one write. */
  readonly batch: number;
  /** Messages per second in all, sent by schedule; 0: as fast as the broker takes them. */
  readonly ratePerSecond: number;
  /** Messages in all; 0: by time. */
  readonly count: number;
  readonly warmupSeconds: number;
  readonly durationSeconds: number;
  /** Connects per second; 0: as fast as the broker takes them. */
  readonly rampPerSecond: number;
  /** Connects whose CONNACK is due. */
  readonly connectConcurrency: number;
  /** clean: sessions end with their connection; persistent: they stay; offline: subscribers are away meanwhile. */
  readonly sessions: "clean" | "persistent" | "offline";
  readonly workers: number;
}

/** How many subscribers get each message. */
export function deliveriesPerMessage(plan: LoadPlan): number {
  if (plan.mode === "fan-in" || plan.mode === "fan-out") return plan.subscribers;
  return plan.subscribers > 0 && plan.publishers > 0 ? 1 : 0;
}

/** The publishers whose messages a subscriber may get: `count` of them from `first`. */
export function publishersHeardBy(
  plan: LoadPlan,
  subscriber: number,
): { readonly first: number; readonly count: number } {
  if (plan.mode === "pairs" || plan.mode === "latency") return { first: subscriber, count: 1 };
  return { first: 0, count: plan.publishers };
}

/** A topic and, where each subscriber gets a stream of its own, for which subscriber it is. */
export interface LoadTopic {
  readonly topicName: string;
  readonly stream: number;
}

/** The topics that a publisher goes through, over and over. */
export function topicsOf(plan: LoadPlan, publisher: number): readonly LoadTopic[] {
  const { mode, topic, topicsPerPublisher } = plan;
  if (mode === "filters") return filterTopicsOf(plan, publisher);
  if (mode === "pub") return [{ topicName: topic.replaceAll("%i", String(publisher)), stream: 0 }];
  if (mode === "fan-out") return [{ topicName: topic, stream: 0 }];
  const name = `${topic}/${publisher}`;
  if (topicsPerPublisher === 1) return [{ topicName: name, stream: 0 }];
  return Array.from({ length: topicsPerPublisher }, (_, index) => ({
    topicName: `${name}/${index}`,
    stream: 0,
  }));
}

/** Every publisher has its share of all topics, in an order in which neighbours are far apart. */
function filterTopicsOf(plan: LoadPlan, publisher: number): readonly LoadTopic[] {
  const { subscribers, filtersPerSubscriber, publishers, topic } = plan;
  const total = subscribers * filtersPerSubscriber;
  const mine: LoadTopic[] = [];
  for (let index = publisher; index < total; index += publishers) {
    const at = Math.imul(index, 2_654_435_761) >>> 0;
    mine.push({ topicName: String(at), stream: index });
  }
  // By hash: the same order in every run, and yet none that a cache could like.
  mine.sort((left, right) => Number(left.topicName) - Number(right.topicName));
  return mine.map(({ stream }) => {
    const subscriber = Math.floor(stream / filtersPerSubscriber);
    return {
      topicName: `${topic}/${subscriber}/${stream % filtersPerSubscriber}/t`,
      stream: subscriber,
    };
  });
}

/** The Topic Filters of a subscriber. With mode filters 70 % are without wildcards. */
export function filtersOf(plan: LoadPlan, subscriber: number): readonly string[] {
  const { mode, topic, topicsPerPublisher } = plan;
  switch (mode) {
    case "filters":
      return Array.from({ length: plan.filtersPerSubscriber }, (_, index) =>
        mixedFilter(topic, subscriber, index),
      );
    case "sub":
      return [topic.replaceAll("%i", String(subscriber))];
    case "fan-in":
      return [`${topic}/#`];
    case "fan-out":
      return [topic];
    default:
      return [topicsPerPublisher === 1 ? `${topic}/${subscriber}` : `${topic}/${subscriber}/+`];
  }
}

function mixedFilter(topic: string, subscriber: number, index: number): string {
  const own = `${topic}/${subscriber}/${index}`;
  switch (index % 10) {
    case 7:
      return `${own}/+`;
    case 8:
      return `${own}/#`;
    case 9:
      return `+/${subscriber}/${index}/t`;
    default:
      return `${own}/t`;
  }
}

export type ClientRole = "publisher" | "subscriber" | "idler";

export function clientIdOf(plan: LoadPlan, role: ClientRole, index: number): string {
  return `bench-${plan.runId.toString(36)}-${role[0]}${index}`;
}

/** The numbers of the clients that a worker looks after: every `workers`-th. */
export function shareOf(plan: LoadPlan, worker: number, clients: number): readonly number[] {
  const mine: number[] = [];
  for (let index = worker; index < clients; index += plan.workers) mine.push(index);
  return mine;
}
