import type { Route } from "./route.ts";

/** Slot of a topic that is not, or no longer, in the table. */
const EVICTED = -1;

/**
 * A Topic Name that has been published to, with its route. TopicTable makes and changes it; all others read.
 * A topic that has been evicted can be used on: it has no route of its own, and `Router.routeOf` looks up the
 * topic that stands for its name now.
 */
export class Topic<S extends object> {
  readonly name: string;
  /** The name in UTF-8; a copy of its own. */
  readonly bytes: Uint8Array;
  /** What TopicTable compares instead of the bytes: four of them in each, as it gathers them. */
  readonly words: Int32Array;
  readonly hash: number;
  /** Whether the name begins with "$". */
  readonly isSystem: boolean;
  /** Current as long as it is there: whatever makes it stale takes it away. */
  route: Route<S> | undefined = undefined;
  /** The next topic in the same bucket of the table. */
  next: Topic<S> | undefined;
  slot: number = EVICTED;
  /** Whether it has been looked up since the table last searched for something to evict. */
  used = false;

  constructor(name: string, bytes: Uint8Array, words: Int32Array, hash: number, next: Topic<S> | undefined) {
    this.name = name;
    this.bytes = bytes;
    this.words = words;
    this.hash = hash;
    this.isSystem = name.startsWith("$");
    this.next = next;
  }

  /** In memory, by the length of its name: the name itself, its bytes and its words. */
  static heldBytesOf(length: number): number {
    return 4 * length;
  }

  get heldBytes(): number {
    return Topic.heldBytesOf(this.bytes.length);
  }

  /** False once the table has evicted it. */
  get interned(): boolean {
    return this.slot !== EVICTED;
  }
}
