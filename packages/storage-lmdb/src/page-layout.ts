// The layout of an LMDB data file, data format 2, as 64-bit little-endian machines write it. A page has 24 bytes of
// header (its number, the transaction that wrote it, flags, the bounds of its free space), then the offsets of its
// nodes, counted from byte 24; the nodes fill it from its end.
export const pageHeaderSize = 24;
export const pageSizes: readonly number[] = [4096, 8192, 16384, 32768, 65536];
export const supportedDataFormat = 2;
/** Bytes of a meta page that say something. */
export const metaSize = 168;
/** Bytes of the root of a named database, which is the value of a record. */
export const treeSize = 48;
export const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 } as const;
export const nodeFlags = { none: 0, valueInOverflowPages: 0x01, valueIsTree: 0x02 } as const;
export const treeFlags = { none: 0, integerKeys: 0x08 } as const;
/** Names for the two trees that have none. */
export const freeTree = "free list";
export const mainTree = "main";
/** Above it, a format number is damage rather than a format. */
const maximumDataFormat = 999;
const nodeHeaderSize = 8;
/** First page, transaction and number of pages of a value that has pages of its own. */
const overflowReferenceSize = 24;
const magic = 0xbeefc0de;
const noPage = 0xffffffffffffffffn;

export interface Tree {
  readonly name: string;
  readonly root: number | undefined;
  readonly flags: number;
  readonly depth: number;
  readonly entries: number;
}

export interface Meta {
  readonly pageSize: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

export interface PageNode {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly keyStart: number;
  readonly keySize: number;
  readonly valueStart: number;
  readonly valueSize: number;
  /** Of a branch page: the same bytes that hold size and flags in a leaf. */
  readonly childPage: number;
}

export interface PageHeader {
  readonly pageNumber: number;
  readonly transaction: number;
  readonly flags: number;
  readonly nodes: number;
  /** Where the nodes begin. */
  readonly nodesStart: number;
}

/** Undefined where the bytes are no meta page; a number where they are one of another data format. */
export function readMeta(page: Buffer): Meta | number | undefined {
  const { flags } = readPageHeader(page);
  if ((flags & pageFlags.meta) === 0 || page.readUInt32LE(24) !== magic) return undefined;
  const dataFormat = page.readUInt32LE(28);
  if (dataFormat !== supportedDataFormat) return dataFormat <= maximumDataFormat ? dataFormat : undefined;
  return {
    pageSize: page.readUInt32LE(48),
    lastPage: readUint64(page, 144),
    transaction: readUint64(page, 152),
    free: readTree(freeTree, page, 48),
    main: readTree(mainTree, page, 96),
  };
}

export function readPageHeader(page: Buffer): PageHeader {
  return {
    pageNumber: readUint64(page, 0),
    transaction: readUint64(page, 8),
    flags: page.readUInt16LE(18),
    nodes: page.readUInt16LE(20) >> 1,
    nodesStart: pageHeaderSize + page.readUInt16LE(22),
  };
}

/** Undefined where it does not lie within the page. */
export function readNode(page: Buffer, index: number): PageNode | undefined {
  const { flags: kind, nodesStart } = readPageHeader(page);
  const start = pageHeaderSize + page.readUInt16LE(pageHeaderSize + index * 2);
  if (start < nodesStart || start + nodeHeaderSize > page.length) return undefined;
  const size = page.readUInt32LE(start);
  const flags = page.readUInt16LE(start + 4);
  const keyStart = start + nodeHeaderSize;
  const keySize = page.readUInt16LE(start + 6);
  const valueStart = keyStart + keySize;
  const inLeaf = flags & nodeFlags.valueInOverflowPages ? overflowReferenceSize : size;
  const stored = kind === pageFlags.leaf ? inLeaf : 0;
  // Nodes begin at even offsets.
  const end = (valueStart + stored + 1) & ~1;
  if (end > page.length) return undefined;
  return {
    start,
    end,
    flags,
    keyStart,
    keySize,
    valueStart,
    valueSize: size,
    childPage: size + flags * 2 ** 32,
  };
}

export function readTree(name: string, bytes: Buffer, offset: number): Tree {
  const root = bytes.readBigUInt64LE(offset + 40);
  return {
    name,
    flags: bytes.readUInt16LE(offset + 4),
    depth: bytes.readUInt16LE(offset + 6),
    entries: readUint64(bytes, offset + 32),
    root: root === noPage ? undefined : Number(root),
  };
}

export function readUint64(bytes: Buffer, offset: number): number {
  return Number(bytes.readBigUInt64LE(offset));
}
