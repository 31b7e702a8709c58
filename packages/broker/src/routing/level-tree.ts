import { decodeUtf8, encodeUtf8 } from "@dunlin/protocol";

/**
 * A node of a LevelTree. Only the root and nodes with a value or at least two children exist: a chain of levels
 * without a branch is one node, so that a deep topic takes no more nodes than a flat one.
 */
export class LevelNode<V> {
  /** The levels from the parent to here, joined by "/". */
  readonly label: string;
  value: V | undefined;
  /** By the first level of their label; undefined rather than empty. */
  children: Map<string, LevelNode<V>> | undefined;

  constructor(label: string, value: V | undefined) {
    this.label = label;
    this.value = value;
    this.children = undefined;
  }
}

/** Values by Topic Name or Topic Filter, level by level; `undefined` is no value. */
export class LevelTree<V> {
  protected readonly root: LevelNode<V> = new LevelNode<V>("", undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    let node = this.root;
    for (let start = 0; ; ) {
      const child = node.children?.get(levelAt(key, start));
      if (child === undefined || !key.startsWith(child.label, start)) return undefined;
      const end = start + child.label.length;
      if (end === key.length) return child.value;
      if (key[end] !== "/") return undefined;
      node = child;
      start = end + 1;
    }
  }

  /** Adds or replaces; returns what stood there before. */
  set(key: string, value: V): V | undefined {
    let node = this.root;
    for (let start = 0; ; ) {
      const level = levelAt(key, start);
      const child = node.children?.get(level);
      if (child === undefined) {
        node.children ??= new Map();
        const added = new LevelNode(key.slice(start), value);
        node.children.set(mapKeyOf(added), added);
        this.#size++;
        return undefined;
      }
      const common = commonLength(child.label, key, start);
      const next = common === child.label.length ? child : split(child, common);
      if (next !== child) node.children?.set(level, next);
      if (start + common === key.length) {
        const previous = next.value;
        next.value = value;
        if (previous === undefined) this.#size++;
        return previous;
      }
      node = next;
      start += common + 1;
    }
  }

  /** Returns what stood there. */
  delete(key: string): V | undefined {
    let grandparent = this.root;
    let parent = this.root;
    let parentLevel = "";
    for (let start = 0; ; ) {
      const level = levelAt(key, start);
      const child = parent.children?.get(level);
      if (child === undefined || !key.startsWith(child.label, start)) return undefined;
      const end = start + child.label.length;
      if (end === key.length) {
        const value = this.#empty(parent, level, child);
        if (parent !== this.root) joinOnlyChild(grandparent, parentLevel, parent);
        return value;
      }
      if (key[end] !== "/") return undefined;
      grandparent = parent;
      parent = child;
      parentLevel = level;
      start = end + 1;
    }
  }

  clear(): void {
    this.root.children = undefined;
    this.#size = 0;
  }

  /** All values, in no particular order. The tree may not change meanwhile. */
  *values(): IterableIterator<V> {
    const pending = [this.root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.value !== undefined) yield node.value;
      if (node.children === undefined) continue;
      for (const child of node.children.values()) pending.push(child);
    }
  }

  #empty(parent: LevelNode<V>, level: string, node: LevelNode<V>): V | undefined {
    const value = node.value;
    if (value === undefined) return undefined;
    node.value = undefined;
    this.#size--;
    if (node.children !== undefined) {
      joinOnlyChild(parent, level, node);
      return value;
    }
    parent.children?.delete(level);
    if (parent.children?.size === 0) parent.children = undefined;
    return value;
  }
}

/*
 * Nodes keep their labels, and others take their places, in the Map as well: a search may stand at them, and go on
 * when the tree has changed.
 */

/** What takes the place of `child`: a node with the first `length` characters of its label, and below it one with the rest. */
function split<V>(child: LevelNode<V>, length: number): LevelNode<V> {
  // The new node may outlive the key that its label was cut from.
  const middle = new LevelNode<V>(detach(child.label.slice(0, length)), undefined);
  const rest = new LevelNode(child.label.slice(length + 1), child.value);
  rest.children = child.children;
  middle.children = new Map([[mapKeyOf(rest), rest]]);
  return middle;
}

/** In place of a node with nothing but one child, one that stands for both. */
function joinOnlyChild<V>(parent: LevelNode<V>, level: string, node: LevelNode<V>): void {
  if (node.value !== undefined || node.children?.size !== 1) return;
  for (const child of node.children.values()) {
    const joined = new LevelNode(`${node.label}/${child.label}`, child.value);
    joined.children = child.children;
    parent.children?.set(level, joined);
  }
}

/** Where more levels follow, others may take the node's place, and the key outlive the name that it was cut from. */
function mapKeyOf({ label }: LevelNode<unknown>): string {
  const level = levelAt(label, 0);
  return level === label ? label : detach(level);
}

function levelAt(key: string, start: number): string {
  const slash = key.indexOf("/", start);
  return slash < 0 ? key.slice(start) : key.slice(start, slash);
}

/** Length of the whole levels at the start of `label` that `key` has from `start` on; the first is known to be. */
function commonLength(label: string, key: string, start: number): number {
  let common = 0;
  for (let index = 0; ; index++) {
    const labelEnds = index === label.length || label[index] === "/";
    const keyEnds = start + index === key.length || key[start + index] === "/";
    if (labelEnds && keyEnds) common = index;
    if (index === label.length || start + index === key.length) return common;
    if (label[index] !== key[start + index]) return common;
  }
}

/** A copy with characters of its own: a slice of a string keeps the whole string in memory. */
function detach(text: string): string {
  const bytes = encodeUtf8(text);
  return decodeUtf8(bytes, 0, bytes.length);
}
