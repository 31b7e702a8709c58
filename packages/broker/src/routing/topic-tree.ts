import { type LevelNode, LevelTree } from "./level-tree.ts";

/** In place of a level's index: the filter's `#` has been reached, all that is below matches. */
const EVERYTHING = Number.MAX_SAFE_INTEGER;
const MISMATCH = -1;

/** Values by Topic Name, found by Topic Filter. */
export class TopicTree<V> extends LevelTree<V> {
  /**
   * Calls `visit` with the value of every Topic Name that matches a valid Topic Filter, in no particular order;
   * the tree may not change meanwhile. Returns the number of nodes looked at: each one at most once, as a level
   * of the filter stands for one level of the names.
   */
  match(topicFilter: string, visit: (value: V) => void): number {
    const search = this.search(topicFilter);
    search.next(Number.POSITIVE_INFINITY, visit);
    return search.visited;
  }

  search(topicFilter: string): TopicSearch<V> {
    return new TopicSearch(this.root, topicFilter);
  }
}

/** Children that a search has to look at, with the index of the filter's level that their labels begin with. */
interface Siblings<V> {
  readonly nodes: Iterator<LevelNode<V>>;
  /** Those that are added meanwhile come last: a search does not run after them. */
  left: number;
  readonly index: number;
}

/**
 * Finds what matches a Topic Filter in parts, between which the tree may change: what was there all the time is
 * found once, what came or went meanwhile may be found or not.
 */
export class TopicSearch<V> {
  /** Nodes looked at so far. */
  visited = 0;
  readonly #levels: readonly string[];
  /** Wildcards at the start do not reach topics that begin with $ [MQTT-4.7.2-1]. */
  readonly #system: boolean;
  /** From the root down. */
  readonly #siblings: Siblings<V>[] = [];
  /** The only child that is due, before them. */
  #child: LevelNode<V> | undefined;
  #childIndex = 0;

  constructor(root: LevelNode<V>, topicFilter: string) {
    this.#levels = topicFilter.split("/");
    const first = this.#levels[0]!;
    this.#system = first !== "+" && first !== "#";
    this.#descend(root, first === "#" ? EVERYTHING : 0);
  }

  /** Looks at `nodes` more at most; false when all have been looked at. */
  next(nodes: number, visit: (value: V) => void): boolean {
    for (let left = nodes; left > 0; left--) {
      const child = this.#child;
      if (child !== undefined) {
        this.#child = undefined;
        this.#look(child, this.#childIndex, visit);
        continue;
      }
      const siblings = this.#siblings.at(-1);
      if (siblings === undefined) return false;
      const node = siblings.left-- > 0 ? siblings.nodes.next().value : undefined;
      if (node === undefined) {
        this.#siblings.pop();
        left++;
      } else if (this.#system || this.#siblings.length > 1 || !node.label.startsWith("$")) {
        this.#look(node, siblings.index, visit);
      }
    }
    return this.#child !== undefined || this.#siblings.length > 0;
  }

  #look(node: LevelNode<V>, from: number, visit: (value: V) => void): void {
    const levels = this.#levels;
    this.visited++;
    let index = from === EVERYTHING ? from : matchLabel(node.label, levels, from);
    if (index === MISMATCH) return;
    // "sport/#" also matches "sport", as # includes the parent level [MQTT 5.0, 4.7.1.2].
    if (levels[index] === "#") index = EVERYTHING;
    if (index >= levels.length) {
      if (node.value !== undefined) visit(node.value);
      if (index !== EVERYTHING) return;
    }
    this.#descend(node, index);
  }

  #descend(node: LevelNode<V>, index: number): void {
    const { children } = node;
    if (children === undefined) return;
    if (index === EVERYTHING || this.#levels[index] === "+") {
      this.#siblings.push({ nodes: children.values(), left: children.size, index });
      return;
    }
    this.#child = children.get(this.#levels[index]!);
    this.#childIndex = index;
  }
}

/** The index of the filter's level behind those that the label matches, EVERYTHING, or MISMATCH. */
function matchLabel(label: string, levels: readonly string[], from: number): number {
  let index = from;
  for (let start = 0; start <= label.length; index++) {
    const level = levels[index];
    if (level === undefined) return MISMATCH;
    if (level === "#") return EVERYTHING;
    const slash = label.indexOf("/", start);
    const end = slash < 0 ? label.length : slash;
    if (level !== "+" && !(end - start === level.length && label.startsWith(level, start))) return MISMATCH;
    start = end + 1;
  }
  return index;
}
