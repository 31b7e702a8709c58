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

/**
 * Finds what matches a Topic Filter in parts, between which the tree may change: what was there all the time is
 * found once, what came or went meanwhile may be found or not.
 */
export class TopicSearch<V> {
  /** Nodes looked at so far. */
  visited = 0;
  readonly #levels: readonly string[];
  readonly #pending: LevelNode<V>[] = [];
  readonly #indexes: number[] = [];

  constructor(root: LevelNode<V>, topicFilter: string) {
    this.#levels = topicFilter.split("/");
    pushRootMatches(root, this.#levels, this.#pending, this.#indexes);
  }

  /** Looks at `nodes` more at most; false when all have been looked at. */
  next(nodes: number, visit: (value: V) => void): boolean {
    const levels = this.#levels;
    const pending = this.#pending;
    const indexes = this.#indexes;
    const last = this.visited + nodes;
    while (this.visited < last) {
      const node = pending.pop();
      if (node === undefined) return false;
      this.visited++;
      let index = indexes.pop()!;
      if (index !== EVERYTHING) index = matchLabel(node.label, levels, index);
      if (index === MISMATCH) continue;
      // "sport/#" also matches "sport", as # includes the parent level [MQTT 5.0, 4.7.1.2].
      if (levels[index] === "#") index = EVERYTHING;
      if (index >= levels.length) {
        if (node.value !== undefined) visit(node.value);
        if (index !== EVERYTHING) continue;
      }
      pushMatches(node, levels, index, pending, indexes);
    }
    return pending.length > 0;
  }
}

function pushRootMatches<V>(
  root: LevelNode<V>,
  levels: readonly string[],
  pending: LevelNode<V>[],
  indexes: number[],
): void {
  const first = levels[0]!;
  if (first !== "+" && first !== "#") {
    pushMatches(root, levels, 0, pending, indexes);
    return;
  }
  if (root.children === undefined) return;
  for (const child of root.children.values()) {
    // Wildcards at the start do not reach topics that begin with $ [MQTT-4.7.2-1].
    if (child.label.startsWith("$")) continue;
    pending.push(child);
    indexes.push(first === "#" ? EVERYTHING : 0);
  }
}

function pushMatches<V>(
  node: LevelNode<V>,
  levels: readonly string[],
  index: number,
  pending: LevelNode<V>[],
  indexes: number[],
): void {
  if (node.children === undefined) return;
  if (index === EVERYTHING || levels[index] === "+") {
    for (const child of node.children.values()) {
      pending.push(child);
      indexes.push(index);
    }
    return;
  }
  const child = node.children.get(levels[index]!);
  if (child === undefined) return;
  pending.push(child);
  indexes.push(index);
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
