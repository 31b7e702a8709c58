import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Dice } from "../dice.ts";
import { bytesOf, type SystemCall } from "./system-calls.ts";

const sectorSize = 512;

interface PendingWrite {
  readonly offset: number;
  readonly bytes: Buffer;
  readonly done: number;
}

/** A file: what is surely on the disk, and what has been written since the last sync. */
class RecordedFile {
  durable: Buffer = Buffer.alloc(0);
  pending: PendingWrite[] = [];
  /** Shared memory: what it holds after a power loss is anyone's guess. */
  isMapped = false;

  sync(began: number): void {
    for (const write of this.pending.filter(({ done }) => done < began)) {
      this.durable = applied(this.durable, write.offset, write.bytes);
    }
    this.pending = this.pending.filter(({ done }) => done >= began);
  }
}

interface NameChange {
  readonly done: number;
  apply(names: Map<string, RecordedFile | "folder">): void;
}

interface OpenFile {
  readonly path: string;
  readonly file: RecordedFile | "folder";
  readonly isSynchronous: boolean;
  position: number;
}

/** One thing that the process did to its disk, or told the world. */
interface Moment {
  readonly line: number;
  happen(): void;
}

/** How much of what was not synced has reached the disk when the power went. */
export type Loss = "nothing written" | "everything written" | "some sectors" | "one write torn";
export const losses: readonly Loss[] = [
  "nothing written",
  "everything written",
  "some sectors",
  "one write torn",
];

/**
 * The disk below one folder, rebuilt from the system calls of a process: at any moment it can be asked what might be
 * found there after a power loss. It knows of no writes but these calls, so it refuses what it cannot follow.
 */
export class RecordedDisk {
  readonly moments: Moment[] = [];
  /** Bytes that have been handed to the network, by the port of the other side. */
  readonly sent = new Map<number, number>();
  readonly #folder: string;
  readonly #names = new Map<string, RecordedFile | "folder">();
  readonly #durableNames = new Map<string, RecordedFile | "folder">();
  #nameChanges: NameChange[] = [];
  readonly #open = new Map<number, OpenFile>();
  #next = 0;

  constructor(folder: string, calls: readonly SystemCall[]) {
    this.#folder = folder;
    for (const call of calls) this.#add(call);
    this.moments.sort((left, right) => left.line - right.line);
  }

  /** Lets everything happen before moment number `index`. */
  advance(index: number): void {
    while (this.#next < index) this.moments[this.#next++]?.happen();
  }

  /** Writes into `target` what might be on the disk now. */
  cutPower(target: string, loss: Loss, dice: Dice): void {
    const names = new Map(this.#durableNames);
    const survivors =
      loss === "everything written" ? this.#nameChanges.length : dice.below(this.#nameChanges.length + 1);
    for (const change of this.#nameChanges.slice(0, survivors)) change.apply(names);
    for (const [path, file] of [...names].sort(([left], [right]) => left.length - right.length)) {
      const place = join(target, path.slice(this.#folder.length));
      if (file === "folder") mkdirSync(place, { recursive: true });
      else {
        mkdirSync(dirname(place), { recursive: true });
        writeFileSync(
          place,
          file.isMapped ? anything(file.durable.length, dice) : survived(file, loss, dice),
        );
      }
    }
  }

  #at(line: number, happen: () => void): void {
    this.moments.push({ line, happen });
  }

  /** Descriptors are followed at once, contents when their moment comes. */
  #add(call: SystemCall): void {
    const { name, parameters, result, began } = call;
    if (name === "openat") this.#onOpen(call);
    else if (name === "rename" || name === "unlink" || name === "mkdir" || name === "rmdir")
      this.#onName(call);
    else if (name === "close") this.#open.delete(descriptorOf(parameters));
    else if (isSocket(parameters)) this.#onSent(parameters, result, began);
    else this.#onFile(call);
  }

  #onFile(call: SystemCall): void {
    const { name, parameters, result } = call;
    const descriptor = name === "mmap" ? mappedDescriptor(parameters) : descriptorOf(parameters);
    const open = this.#open.get(descriptor);
    if (open === undefined) return;
    const { file } = open;
    if (name === "fsync" || name === "fdatasync") return this.#onSync(call, open);
    if (file === "folder") return;
    if (name === "lseek") open.position = result;
    else if (name === "pwrite64") this.#onWrite(call, open, Number(/, (\d+)$/.exec(parameters)?.[1]));
    else if (name === "write" || name === "writev") {
      this.#onWrite(call, open, open.position);
      open.position += result;
    } else if (name === "mmap") {
      if (!/PROT_WRITE.*MAP_SHARED/.test(parameters)) return;
      if (!open.path.endsWith("lock.mdb")) throw new Error(`${open.path} is written through memory`);
      file.isMapped = true;
    } else if (name === "ftruncate" && open.path.endsWith("lock.mdb")) {
      file.durable = Buffer.alloc(Number(/, (\d+)$/.exec(parameters)?.[1]));
    } else throw new Error(`cannot follow ${name} of ${open.path}`);
  }

  #onOpen({ parameters, result, done }: SystemCall): void {
    const [, escaped = "", flags = ""] = /, "([^"]*)", ([A-Z_|]+)/.exec(parameters) ?? [];
    const path = bytesOf(escaped).toString();
    if (path !== this.#folder && !path.startsWith(`${this.#folder}/`)) return;
    let file = this.#names.get(path);
    if (file === undefined) {
      if (!flags.includes("O_CREAT")) throw new Error(`${path} was there before the recording`);
      const created = new RecordedFile();
      file = created;
      this.#change(done, (names) => names.set(path, created));
    }
    const isSynchronous = flags.includes("O_DSYNC") || flags.includes("O_SYNC");
    this.#open.set(result, { path, file, isSynchronous, position: 0 });
  }

  #onName({ name, parameters, done }: SystemCall): void {
    const paths = [...parameters.matchAll(/"([^"]*)"/g)].map(([, escaped = ""]) =>
      bytesOf(escaped).toString(),
    );
    const [path = "", target = ""] = paths;
    if (path !== this.#folder && !path.startsWith(`${this.#folder}/`)) return;
    this.#change(done, (names) => {
      const file = names.get(path) ?? "folder";
      if (name === "mkdir") names.set(path, "folder");
      else names.delete(path);
      if (name === "rename") names.set(target, file);
    });
  }

  #change(done: number, apply: NameChange["apply"]): void {
    apply(this.#names);
    this.#at(done, () => this.#nameChanges.push({ done, apply }));
  }

  #onWrite({ name, parameters, result, began, done }: SystemCall, open: OpenFile, offset: number): void {
    const file = open.file as RecordedFile;
    const parts =
      name === "writev"
        ? [...parameters.matchAll(/iov_base="([^"]*)"/g)].map(([, escaped = ""]) => bytesOf(escaped))
        : [bytesOf(/, "([^"]*)"/.exec(parameters)?.[1] ?? "")];
    const whole = Buffer.concat(parts);
    if (!Number.isSafeInteger(offset)) throw new Error(`${name} of ${open.path} cannot be read`);
    const isDone = Number.isFinite(done);
    const bytes = isDone ? whole.subarray(0, result) : whole;
    this.#at(began, () => file.pending.push({ offset, bytes, done }));
    if (open.isSynchronous && isDone) this.#at(done + 0.5, () => file.sync(done + 0.5));
  }

  #onSync({ began, done }: SystemCall, open: OpenFile): void {
    if (!Number.isFinite(done)) return;
    const { file } = open;
    if (file !== "folder") return this.#at(done, () => file.sync(began));
    this.#at(done, () => {
      for (const change of this.#nameChanges) change.apply(this.#durableNames);
      this.#nameChanges = [];
    });
  }

  #onSent(parameters: string, result: number, began: number): void {
    const port = Number(/->[^\]]*:(\d+)\]/.exec(parameters)?.[1]);
    this.#at(began, () => this.sent.set(port, (this.sent.get(port) ?? 0) + result));
  }
}

function isSocket(parameters: string): boolean {
  return /^\d+<TCP:\[[^\]]*->/.test(parameters);
}

function descriptorOf(parameters: string): number {
  return Number(/^\d+/.exec(parameters)?.[0] ?? -1);
}

function mappedDescriptor(parameters: string): number {
  return Number(/, (\d+)<[^<]*>, [^,]*$/.exec(parameters)?.[1] ?? -1);
}

function applied(content: Buffer, offset: number, bytes: Buffer): Buffer {
  const end = offset + bytes.length;
  const result =
    end > content.length ? Buffer.concat([content, Buffer.alloc(end - content.length)]) : content;
  bytes.copy(result, offset);
  return result;
}

/** Each sector of each write has reached the disk or not, whatever the order of the writes. */
function survived(file: RecordedFile, loss: Loss, dice: Dice): Buffer {
  let content: Buffer = Buffer.from(file.durable);
  const torn = dice.below(file.pending.length);
  const odds = dice.below(9) + 1;
  let fullSize = content.length;
  for (const [index, { offset, bytes }] of file.pending.entries()) {
    fullSize = Math.max(fullSize, offset + bytes.length);
    for (let start = 0; start < bytes.length; ) {
      const end = Math.min(bytes.length, start + sectorSize - ((offset + start) % sectorSize));
      const isKept =
        loss === "everything written" ||
        (loss === "some sectors" && dice.chance(odds, 10)) ||
        (loss === "one write torn" && (index !== torn || dice.chance(1, 2)));
      if (isKept) content = applied(content, offset + start, bytes.subarray(start, end));
      start = end;
    }
  }
  // The size of a file may get to the disk before its content.
  if (fullSize > content.length && dice.chance(1, 2)) content = applied(content, fullSize, Buffer.alloc(0));
  return content;
}

function anything(length: number, dice: Dice): Buffer {
  return dice.chance(1, 2)
    ? Buffer.alloc(length)
    : Buffer.from(Array.from({ length }, () => dice.below(256)));
}
