import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { PageBitmap } from "./page-bitmap.ts";
import {
  freeTree,
  type Meta,
  mainTree,
  metaSize,
  nodeFlags,
  type PageNode,
  pageFlags,
  pageHeaderSize,
  pageSizes,
  readMeta,
  readNode,
  readPageHeader,
  readTree,
  readUint64,
  supportedDataFormat,
  type Tree,
  treeFlags,
  treeSize,
} from "./page-layout.ts";

const maximumTreeDepth = 32;

/** One key and value; all of it is valid during the visit only. */
export interface DataFileRecord {
  /** The name of the LMDB database that holds it; "main" for the unnamed one. */
  readonly database: string;
  readonly key: Buffer;
  readonly value: () => Buffer;
}

/** What LMDB must not be allowed to open: it would read outside the file, or loop, or overwrite live pages. */
export class DataFormatError extends Error {}

/**
 * Reads an LMDB data file without LMDB, and believes nothing of it: LMDB trusts its pages, and a damaged one can
 * end the process. Visits every record that can be reached and returns one line per damaged part.
 */
export function walkDataFile(path: string, visit: (record: DataFileRecord) => void): string[] {
  const file = openSync(path, "r");
  try {
    const walk = new DataFileWalk(file, visit);
    walk.run();
    return walk.damage;
  } finally {
    closeSync(file);
  }
}

class DataFileWalk {
  readonly damage: string[] = [];
  readonly #file: number;
  readonly #fileSize: number;
  readonly #visit: (record: DataFileRecord) => void;
  readonly #pages: Buffer[] = [];
  #strangeFormat: number | undefined;
  #meta!: Meta;
  #reached!: PageBitmap;

  constructor(file: number, visit: (record: DataFileRecord) => void) {
    this.#file = file;
    this.#fileSize = fstatSync(file).size;
    this.#visit = visit;
  }

  run(): void {
    const meta = this.#newestMeta();
    if (meta === undefined) return;
    this.#meta = meta;
    this.#reached = new PageBitmap(meta.lastPage + 1);
    const trees: Tree[] = [];
    this.#walkTree(meta.main, (key, node, page) => this.#mainRecord(key, node, page, trees));
    for (const tree of trees) {
      this.#walkTree(tree, (key, node, page) => this.#record(tree.name, key, node, page));
    }
    const free: number[] = [];
    this.#walkTree(meta.free, (_, node, page) => {
      if (this.#isSoundValue(freeTree, node, page)) this.#freePages(this.#valueOf(node, page), free);
    });
    for (const page of free) {
      if (!this.#reached.add(page)) {
        this.damage.push(`page ${page} is both free and in use`);
        break;
      }
    }
  }

  /** Pages 0 and 1 describe the last two transactions, even ones in page 0. */
  #newestMeta(): Meta | undefined {
    const first = this.#readMeta(0, 0);
    const second = pageSizes.map((size) => this.#readMeta(1, size)).find((meta) => meta !== undefined);
    if (first === undefined) this.damage.push("its first meta page is damaged");
    if (second === undefined) this.damage.push("its second meta page is damaged");
    if (first === undefined && second === undefined && this.#strangeFormat !== undefined) {
      const format = `LMDB data format ${this.#strangeFormat}`;
      throw new DataFormatError(`has ${format}; this version reads ${supportedDataFormat}`);
    }
    if (first === undefined || second === undefined) return first ?? second;
    return first.transaction > second.transaction ? first : second;
  }

  #readMeta(index: number, offset: number): Meta | undefined {
    const page = Buffer.alloc(metaSize);
    readSync(this.#file, page, 0, metaSize, offset);
    const meta = readMeta(page);
    if (typeof meta === "number") this.#strangeFormat = meta;
    if (meta === undefined || typeof meta === "number") return undefined;
    const { pageSize, lastPage, transaction } = meta;
    const isSound =
      pageSizes.includes(pageSize) &&
      pageSize * index === offset &&
      // Free pages at the end of the file need not exist, but no transaction takes that many.
      lastPage >= 1 &&
      lastPage * pageSize <= this.#fileSize + 2 ** 30 &&
      (transaction === 0 || transaction % 2 === index) &&
      this.#isRootOf(meta);
    return isSound ? meta : undefined;
  }

  /** Each transaction writes the root of the main tree anew, and its own number into it. */
  #isRootOf({ main, pageSize, lastPage, transaction }: Meta): boolean {
    if (main.root === undefined) return transaction === 0;
    if (main.root > lastPage) return false;
    const header = Buffer.alloc(pageHeaderSize);
    readSync(this.#file, header, 0, pageHeaderSize, main.root * pageSize);
    return readPageHeader(header).transaction === transaction;
  }

  #walkTree(tree: Tree, visit: NodeVisitor): void {
    const walk = { tree, visit, entries: 0, previous: undefined };
    if (tree.flags !== (tree.name === freeTree ? treeFlags.integerKeys : treeFlags.none)) {
      this.damage.push(`${tree.name} has unknown flags`);
    }
    if (tree.root === undefined) {
      if (tree.entries !== 0) this.damage.push(`${tree.name} has no pages, but ${tree.entries} records`);
      return;
    }
    const before = this.damage.length;
    this.#walkPage(walk, tree.root, 1, {});
    if (this.damage.length === before && walk.entries !== tree.entries) {
      this.damage.push(`${tree.name} has ${walk.entries} records instead of ${tree.entries}`);
    }
  }

  /** Keys of the subtree must be within the range, and above those already seen. */
  #walkPage(walk: TreeWalk, pageNumber: number, depth: number, range: KeyRange): void {
    const { tree } = walk;
    const page = this.#readPage(tree, pageNumber, depth);
    if (page === undefined) return;
    const isLeaf = depth === tree.depth;
    const nodes = this.#readNodes(tree, pageNumber, page);
    const keyOf = (node: PageNode): Buffer => page.subarray(node.keyStart, node.keyStart + node.keySize);
    for (const [index, node] of nodes.entries()) {
      const key = keyOf(node);
      // The first key of a branch page says nothing: it stands for everything below the second.
      const isFirstOfBranch = !isLeaf && index === 0;
      if (!isFirstOfBranch && !isInOrder(walk, key, range)) {
        this.damage.push(`page ${pageNumber} of ${tree.name} has keys out of order`);
      } else if (isLeaf) {
        walk.previous = Buffer.from(key);
        walk.entries++;
        walk.visit(key, node, page);
      } else {
        const next = nodes[index + 1];
        this.#walkPage(walk, node.childPage, depth + 1, {
          from: isFirstOfBranch ? range.from : Buffer.from(key),
          below: next === undefined ? range.below : Buffer.from(keyOf(next)),
        });
      }
    }
  }

  #readNodes(tree: Tree, pageNumber: number, page: Buffer): PageNode[] {
    const nodes: PageNode[] = [];
    const header = readPageHeader(page);
    for (let index = 0; index < header.nodes; index++) {
      const node = readNode(page, index);
      if (node !== undefined) nodes.push(node);
    }
    // LMDB packs nodes without gaps, and moves them by the sizes they claim.
    const ends = new Map(nodes.map(({ start, end }) => [start, end]));
    let end = header.nodesStart;
    for (let index = 0; index < header.nodes; index++) end = ends.get(end) ?? 0;
    if (end !== page.length) this.damage.push(`page ${pageNumber} of ${tree.name} has damaged nodes`);
    return nodes;
  }

  #readPage(tree: Tree, pageNumber: number, depth: number): Buffer | undefined {
    const { pageSize, lastPage, transaction } = this.#meta;
    const page = this.#pages[depth] ?? Buffer.alloc(pageSize);
    this.#pages[depth] = page;
    const isWithin =
      depth <= Math.min(tree.depth, maximumTreeDepth) &&
      pageNumber >= 2 &&
      pageNumber <= lastPage &&
      this.#reached.add(pageNumber) &&
      readSync(this.#file, page, 0, pageSize, pageNumber * pageSize) === pageSize;
    const header = readPageHeader(page);
    const isSound =
      isWithin &&
      header.pageNumber === pageNumber &&
      header.transaction <= transaction &&
      header.flags === (depth === tree.depth ? pageFlags.leaf : pageFlags.branch) &&
      header.nodes > 0 &&
      pageHeaderSize + header.nodes * 2 <= header.nodesStart &&
      header.nodesStart <= pageSize;
    if (isSound) return page;
    this.damage.push(`page ${pageNumber} of ${tree.name} is damaged`);
    return undefined;
  }

  #mainRecord(key: Buffer, node: PageNode, page: Buffer, trees: Tree[]): void {
    if (node.flags === nodeFlags.valueIsTree && node.valueSize === treeSize) {
      // lmdb-js ends the names of databases with a zero byte.
      trees.push(readTree(key.toString("latin1").replace(/\0$/, ""), page, node.valueStart));
    } else {
      this.#record(mainTree, key, node, page);
    }
  }

  #record(database: string, key: Buffer, node: PageNode, page: Buffer): void {
    if (!this.#isSoundValue(database, node, page)) return;
    this.#visit({ database, key, value: () => this.#valueOf(node, page) });
  }

  #isSoundValue(database: string, node: PageNode, page: Buffer): boolean {
    if (node.flags === nodeFlags.none) return true;
    if (node.flags === nodeFlags.valueInOverflowPages)
      return this.#areOverflowPagesSound(database, node, page);
    this.damage.push(`a record of ${database} has unknown flags`);
    return false;
  }

  #areOverflowPagesSound(database: string, node: PageNode, page: Buffer): boolean {
    const { pageSize, lastPage } = this.#meta;
    const first = readUint64(page, node.valueStart);
    const transaction = readUint64(page, node.valueStart + 8);
    const pages = readUint64(page, node.valueStart + 16);
    const isWithin =
      first >= 2 &&
      first + pages - 1 <= lastPage &&
      pages === Math.ceil((pageHeaderSize + node.valueSize) / pageSize) &&
      (first + pages) * pageSize <= this.#fileSize &&
      this.#reached.addRange(first, pages);
    const bytes = Buffer.alloc(pageHeaderSize);
    if (isWithin) readSync(this.#file, bytes, 0, pageHeaderSize, first * pageSize);
    const header = readPageHeader(bytes);
    const isSound =
      isWithin &&
      header.pageNumber === first &&
      header.transaction === transaction &&
      header.flags === pageFlags.overflow;
    if (!isSound) this.damage.push(`a value of ${database} on page ${first} is damaged`);
    return isSound;
  }

  #valueOf(node: PageNode, page: Buffer): Buffer {
    if (node.flags !== nodeFlags.valueInOverflowPages) {
      return page.subarray(node.valueStart, node.valueStart + node.valueSize);
    }
    const first = readUint64(page, node.valueStart);
    const value = Buffer.allocUnsafe(node.valueSize);
    readSync(this.#file, value, 0, value.length, first * this.#meta.pageSize + pageHeaderSize);
    return value;
  }

  /** A list of page numbers; a negative number -n says that the next one begins a block of n pages. */
  #freePages(list: Buffer, into: number[]): void {
    const length = list.length < 8 ? -1 : readUint64(list, 0);
    if (length < 0 || (length + 1) * 8 > list.length) {
      this.damage.push("the list of free pages is damaged");
      return;
    }
    let block = 1;
    for (let index = 1; index <= length; index++) {
      const entry = Number(list.readBigInt64LE(index * 8));
      if (entry < 0) {
        block = -entry;
        continue;
      }
      if (entry > 0) {
        if (entry < 2 || entry + block - 1 > this.#meta.lastPage) {
          this.damage.push(`the list of free pages names page ${entry}`);
          return;
        }
        for (let page = entry; page < entry + block; page++) into.push(page);
      }
      block = 1;
    }
  }
}

type NodeVisitor = (key: Buffer, node: PageNode, page: Buffer) => void;

interface TreeWalk {
  readonly tree: Tree;
  readonly visit: NodeVisitor;
  entries: number;
  previous: Buffer | undefined;
}

interface KeyRange {
  readonly from?: Buffer | undefined;
  readonly below?: Buffer | undefined;
}

function isInOrder({ tree, previous }: TreeWalk, key: Buffer, { from, below }: KeyRange): boolean {
  const compare = tree.name === freeTree ? compareTransactions : Buffer.compare;
  if (tree.name === freeTree ? key.length !== 8 : key.length === 0) return false;
  const isAfter = previous === undefined || compare(previous, key) < 0;
  const isAbove = from === undefined || compare(from, key) <= 0;
  return isAfter && isAbove && (below === undefined || compare(key, below) < 0);
}

/** Of two keys of the free list, little-endian numbers. */
function compareTransactions(left: Buffer, right: Buffer): number {
  return Buffer.compare(Buffer.from(left).reverse(), Buffer.from(right).reverse());
}
