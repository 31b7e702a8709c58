import type { Route } from "./route.ts";
import type { Topic } from "./topic.ts";
import { TopicTree } from "./topic-tree.ts";

/** What routes made for one topic each may hold together (see `Route.weight`), per topic that may be cached. */
const WEIGHT_PER_TOPIC = 16;
/** Nodes that each change of a subscription may look at, come what may. */
const FREE_STEPS = 256;
/** Further nodes that changes of subscriptions may look at, for each route that has been kept. */
const STEPS_PER_ROUTE = 16;

/** The topics that have a route, so that a change of a subscription takes it from exactly those that it concerns. */
export class RouteCache<S extends object> {
  readonly #topics = new TopicTree<Topic<S>>();
  readonly #maximumWeight: number;
  #weight = 0;
  #steps = 0;

  constructor(maximumCachedTopics: number) {
    this.#maximumWeight = maximumCachedTopics * WEIGHT_PER_TOPIC;
  }

  get size(): number {
    return this.#topics.size;
  }

  /** `ownWeight`: how much the route holds that no other topic's route does. */
  keep(topic: Topic<S>, route: Route<S>, ownWeight: number): void {
    // Making a route again costs little beside sending to so many targets; keeping too many costs memory.
    this.#weight += ownWeight;
    if (this.#weight > this.#maximumWeight) {
      this.clear();
      this.#weight = ownWeight;
    }
    topic.route = route;
    this.#topics.set(topic.name, topic);
    this.#steps += STEPS_PER_ROUTE;
  }

  /** Takes the route from the topics that a Topic Filter matches. */
  drop(topicFilter: string): void {
    const matching: Topic<S>[] = [];
    const visited = this.#topics.match(topicFilter, (topic) => matching.push(topic));
    for (const topic of matching) this.forget(topic);
    // Looking through many topics again and again, as for "+/+/x", costs more in the end than making routes anew.
    this.#steps -= Math.max(0, visited - matching.length - FREE_STEPS);
    if (this.#steps < 0) this.clear();
  }

  forget(topic: Topic<S>): void {
    if (topic.route === undefined) return;
    topic.route = undefined;
    this.#topics.delete(topic.name);
  }

  clear(): void {
    for (const topic of this.#topics.values()) topic.route = undefined;
    this.#topics.clear();
    this.#weight = 0;
    this.#steps = 0;
  }
}
