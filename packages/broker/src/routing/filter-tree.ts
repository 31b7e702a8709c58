import { type LevelNode, LevelTree } from "./level-tree.ts";

/** In place of a level's index: the label has matched up to a `#`, whatever else the name holds. */
const EVERYTHING = Number.MAX_SAFE_INTEGER;
const MISMATCH = -1;

const NUMBER_SIGN = 0x23;
const PLUS_SIGN = 0x2b;
const SLASH = 0x2f;

/** Values by Topic Filter, found by Topic Name. */
export class FilterTree<V> extends LevelTree<V> {
  /**
   * Calls `visit` with the value of every Topic Filter that a valid Topic Name matches, in no particular order;
   * the tree may not change meanwhile.
   *
   * A filter is reached on one way only, so that each node is looked at once at most: the worst that filters such as
   * "+/+/a/+ ..." can do, each differing from the others in where the "+" stand, is that all of them are
   * compared, each up to its own length.
   */
  match(topicName: string, visit: (value: V) => void): void {
    const levels = topicName.split("/");
    const pending: LevelNode<V>[] = [];
    const indexes: number[] = [];
    pushChild(this.root, levels[0]!, 0, pending, indexes);
    // Wildcards at the start do not reach topics that begin with $ [MQTT-4.7.2-1].
    if (!topicName.startsWith("$")) {
      pushChild(this.root, "+", 0, pending, indexes);
      pushChild(this.root, "#", 0, pending, indexes);
    }
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      const index = matchLabel(node.label, levels, indexes.pop()!);
      if (index === MISMATCH) continue;
      if (index >= levels.length && node.value !== undefined) visit(node.value);
      if (index < levels.length) {
        pushChild(node, levels[index]!, index, pending, indexes);
        pushChild(node, "+", index, pending, indexes);
      }
      // "sport/#" also matches "sport", as # includes the parent level [MQTT 5.0, 4.7.1.2].
      pushChild(node, "#", index, pending, indexes);
    }
  }
}

function pushChild<V>(
  node: LevelNode<V>,
  level: string,
  index: number,
  pending: LevelNode<V>[],
  indexes: number[],
): void {
  const child = node.children?.get(level);
  if (child === undefined) return;
  pending.push(child);
  indexes.push(index);
}

/** The index of the name's level behind those that the label matches, EVERYTHING, or MISMATCH. */
function matchLabel(label: string, levels: readonly string[], from: number): number {
  let start = 0;
  for (let index = from; ; index++) {
    const first = label.charCodeAt(start);
    if (first === NUMBER_SIGN) return EVERYTHING;
    const level = levels[index];
    if (level === undefined) return MISMATCH;
    if (first !== PLUS_SIGN && !label.startsWith(level, start)) return MISMATCH;
    start += first === PLUS_SIGN ? 1 : level.length;
    if (start === label.length) return index + 1;
    if (label.charCodeAt(start) !== SLASH) return MISMATCH;
    start++;
  }
}
