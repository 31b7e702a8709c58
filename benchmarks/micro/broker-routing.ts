/** What the routing benchmarks have in common: a router as the broker sets it up. */
import { Router } from "../../packages/broker/src/routing/router.ts";
import type { Subscription } from "../../packages/broker/src/routing/subscription.ts";
import { TopicTable } from "../../packages/broker/src/routing/topic-table.ts";

export interface Subscriber {
  readonly clientId: string;
}

export function createRouter(maximumCachedTopics = 65_536): {
  readonly topics: TopicTable<Subscriber>;
  readonly router: Router<Subscriber>;
} {
  const topics = new TopicTable<Subscriber>({
    maximumCachedTopics,
    maximumTopicLength: 65_535,
    maximumTopicLevels: 128,
  });
  return { topics, router: new Router(topics) };
}

export function subscriptionTo(topicFilter: string): Subscription {
  return {
    topicFilter,
    qos: 1,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    subscriptionIdentifier: 0,
  };
}

/** Topic Names one after the other in one buffer, as they stand in what a socket delivers. */
export class NamesInBuffer {
  readonly bytes: Uint8Array;
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  constructor(names: readonly string[]) {
    const encoded = names.map((name) => new TextEncoder().encode(name));
    // The gaps make the names begin at every alignment.
    this.bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + length + 13, 13));
    let offset = 3;
    encoded.forEach((name, index) => {
      this.bytes.set(name, offset);
      this.starts.push(offset);
      this.ends.push(offset + name.length);
      offset += name.length + 7 + (index % 6);
    });
  }
}
