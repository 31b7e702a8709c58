import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { PageBitmap } from "./page-bitmap.ts";

// The layout of an LMDB data file, data format 2, as 64-bit little-endian machines write it. Page: 24 bytes of
// header (page number, transaction, flags, bounds of the free space), then node offsets, counted from byte 24.
const pageHeaderSize = 24;
const branchPage = 0x01;
const leafPage = 0x02;
const overflowPage = 0x04;
const metaPage = 0x08;
const nodeHeaderSize = 8;
const valueInOverflowPages = 0x01;
const valueIsTree = 0x02;
const treeSize = 48;
const magic = 0xbeefc0de;
const supportedDataFormat = 2;
const noPage = 0xffffffffffffffffn;
const maximumTreeDepth = 32;
const freeTree = "free list";
const mainTree = "main";

interface Tree {
  readonly name: string;
  readonly root: number | undefined;
  readonly depth: number;
  readonly entries: number;
}

interface Meta {
  readonly pageSize: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

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

  #newestMeta(): Meta | undefined {
    const first = this.#readMeta(0);
    const sizes = first ? [first.pageSize] : [4096, 8192, 16384, 32768, 65536];
    const second = sizes.map((size) => this.#readMeta(size)).find((meta) => meta !== undefined);
    if (first === undefined) this.damage.push("its first meta page is damaged");
    if (second === undefined) this.damage.push("its second meta page is damaged");
    if (first === undefined || second === undefined) return first ?? second;
    return first.transaction >= second.transaction ? first : second;
  }

  #readMeta(offset: number): Meta | undefined {
    const page = Buffer.alloc(pageHeaderSize + 144);
    if (readSync(this.#file, page, 0, page.length, offset) !== page.length) return undefined;
    if ((page.readUInt16LE(18) & metaPage) === 0 || page.readUInt32LE(24) !== magic) return undefined;
    const dataFormat = page.readUInt32LE(28) & 0xffff;
    if (dataFormat !== supportedDataFormat) {
      throw new DataFormatError(
        `has LMDB data format ${dataFormat}; this version reads ${supportedDataFormat}`,
      );
    }
    const pageSize = page.readUInt32LE(48);
    const lastPage = Number(page.readBigUInt64LE(144));
    const isPageSize = pageSize >= 512 && pageSize <= 65536 && (pageSize & (pageSize - 1)) === 0;
    // Pages at the end of the file that are free need not exist, but never more than a transaction may use.
    if (!isPageSize || lastPage < 1 || lastPage * pageSize > this.#fileSize + 2 ** 30) return undefined;
    if (offset !== 0 && offset !== pageSize) return undefined;
    return {
      pageSize,
      lastPage,
      transaction: Number(page.readBigUInt64LE(152)),
      free: readTree(freeTree, page, 48),
      main: readTree(mainTree, page, 96),
    };
  }

  #walkTree(tree: Tree, visit: NodeVisitor): void {
    const walk = { tree, visit, entries: 0, previous: undefined };
    if (tree.root === undefined) {
      if (tree.entries !== 0) this.damage.push(`${tree.name} has no pages, but ${tree.entries} records`);
      return;
    }
    const before = this.damage.length;
    this.#walkPage(walk, tree.root, 1, undefined);
    if (this.damage.length === before && walk.entries !== tree.entries) {
      this.damage.push(`${tree.name} has ${walk.entries} records instead of ${tree.entries}`);
    }
  }

  /** Keys of the subtree must be below `limit`, and above those already seen. */
  #walkPage(walk: TreeWalk, pageNumber: number, depth: number, limit: Buffer | undefined): void {
    const { tree } = walk;
    const page = this.#readPage(tree, pageNumber, depth);
    if (page === undefined) return;
    const isLeaf = depth === tree.depth;
    const count = page.readUInt16LE(20) >> 1;
    const nodes: PageNode[] = [];
    for (let index = 0; index < count; index++) {
      const node = readNode(page, index);
      if (node === undefined) this.damage.push(`page ${pageNumber} of ${tree.name} has a damaged node`);
      else nodes.push(node);
    }
    for (const [index, node] of nodes.entries()) {
      const key = page.subarray(node.keyStart, node.keyStart + node.keySize);
      // The first key of a branch page is empty: it stands for everything below the second.
      const isOrdered = (!isLeaf && index === 0) || this.#isInOrder(walk, key, limit);
      if (!isOrdered) {
        this.damage.push(`page ${pageNumber} of ${tree.name} has keys out of order`);
        return;
      }
      if (isLeaf) {
        walk.previous = Buffer.from(key);
        walk.entries++;
        walk.visit(key, node, page);
      } else {
        const next = nodes[index + 1];
        const nextKey = next && Buffer.from(page.subarray(next.keyStart, next.keyStart + next.keySize));
        this.#walkPage(walk, node.childPage, depth + 1, nextKey ?? limit);
      }
    }
  }

  #isInOrder(walk: TreeWalk, key: Buffer, limit: Buffer | undefined): boolean {
    if (walk.tree.name === freeTree) return key.length === 8;
    const isAfter = walk.previous === undefined || Buffer.compare(walk.previous, key) < 0;
    return key.length > 0 && isAfter && (limit === undefined || Buffer.compare(key, limit) < 0);
  }

  #readPage(tree: Tree, pageNumber: number, depth: number): Buffer | undefined {
    const { pageSize, lastPage, transaction } = this.#meta;
    const page = this.#pages[depth] ?? Buffer.alloc(pageSize);
    this.#pages[depth] = page;
    const isSound =
      depth <= Math.min(tree.depth, maximumTreeDepth) &&
      pageNumber >= 2 &&
      pageNumber <= lastPage &&
      this.#reached.add(pageNumber) &&
      readSync(this.#file, page, 0, pageSize, pageNumber * pageSize) === pageSize &&
      Number(page.readBigUInt64LE(0)) === pageNumber &&
      Number(page.readBigUInt64LE(8)) <= transaction &&
      page.readUInt16LE(18) === (depth === tree.depth ? leafPage : branchPage) &&
      page.readUInt16LE(20) <= page.readUInt16LE(22) &&
      page.readUInt16LE(22) <= pageSize - pageHeaderSize &&
      page.readUInt16LE(20) >= 2;
    if (isSound) return page;
    this.damage.push(`page ${pageNumber} of ${tree.name} is damaged`);
    return undefined;
  }

  #mainRecord(key: Buffer, node: PageNode, page: Buffer, trees: Tree[]): void {
    if (node.flags === valueIsTree && node.valueSize === treeSize) {
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
    if (node.flags === 0) return true;
    if (node.flags === valueInOverflowPages) return this.#areOverflowPagesSound(database, node, page);
    this.damage.push(`a record of ${database} has unknown flags`);
    return false;
  }

  #areOverflowPagesSound(database: string, node: PageNode, page: Buffer): boolean {
    const { pageSize, lastPage } = this.#meta;
    const first = Number(page.readBigUInt64LE(node.valueStart));
    const transaction = page.readBigUInt64LE(node.valueStart + 8);
    const pages = Number(page.readBigUInt64LE(node.valueStart + 16));
    const header = Buffer.alloc(pageHeaderSize);
    const isSound =
      first >= 2 &&
      first + pages - 1 <= lastPage &&
      pages === Math.ceil((pageHeaderSize + node.valueSize) / pageSize) &&
      (first + pages) * pageSize <= this.#fileSize &&
      this.#reached.addRange(first, pages) &&
      readSync(this.#file, header, 0, pageHeaderSize, first * pageSize) === pageHeaderSize &&
      Number(header.readBigUInt64LE(0)) === first &&
      header.readBigUInt64LE(8) === transaction &&
      header.readUInt16LE(18) === overflowPage;
    if (!isSound) this.damage.push(`a value of ${database} on page ${first} is damaged`);
    return isSound;
  }

  #valueOf(node: PageNode, page: Buffer): Buffer {
    if (node.flags !== valueInOverflowPages) {
      return page.subarray(node.valueStart, node.valueStart + node.valueSize);
    }
    const first = Number(page.readBigUInt64LE(node.valueStart));
    const value = Buffer.allocUnsafe(node.valueSize);
    readSync(this.#file, value, 0, value.length, first * this.#meta.pageSize + pageHeaderSize);
    return value;
  }

  /** A list of page numbers; a negative number -n says that the next one begins a block of n pages. */
  #freePages(list: Buffer, into: number[]): void {
    const length = list.length < 8 ? -1 : Number(list.readBigUInt64LE(0));
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

interface PageNode {
  readonly flags: number;
  readonly keyStart: number;
  readonly keySize: number;
  readonly valueStart: number;
  readonly valueSize: number;
  /** Of a branch page: the same bytes that hold size and flags in a leaf. */
  readonly childPage: number;
}

function readNode(page: Buffer, index: number): PageNode | undefined {
  const isLeaf = page.readUInt16LE(18) === leafPage;
  const start = pageHeaderSize + page.readUInt16LE(pageHeaderSize + index * 2);
  if (start < pageHeaderSize + page.readUInt16LE(22) || start + nodeHeaderSize > page.length)
    return undefined;
  const size = page.readUInt32LE(start);
  const flags = page.readUInt16LE(start + 4);
  const keyStart = start + nodeHeaderSize;
  const keySize = page.readUInt16LE(start + 6);
  const valueStart = keyStart + keySize;
  const stored = !isLeaf ? 0 : flags & valueInOverflowPages ? 24 : size;
  if (valueStart + stored > page.length) return undefined;
  return { flags, keyStart, keySize, valueStart, valueSize: size, childPage: size + flags * 2 ** 32 };
}

function readTree(name: string, bytes: Buffer, offset: number): Tree {
  const root = bytes.readBigUInt64LE(offset + 40);
  return {
    name,
    depth: bytes.readUInt16LE(offset + 6),
    entries: Number(bytes.readBigUInt64LE(offset + 32)),
    root: root === noPage ? undefined : Number(root),
  };
}
