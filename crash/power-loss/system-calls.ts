/** A system call of the traced process that went well. */
export interface SystemCall {
  readonly name: string;
  /** As strace prints them, each with its strings still escaped. */
  readonly parameters: string;
  readonly result: number;
  /** Lines of the trace where it began and where it was done. */
  readonly began: number;
  readonly done: number;
}

/** What is traced: all that changes files, and all that leaves through sockets. */
export const tracedCalls =
  "openat,close,lseek,pwrite64,pwritev,writev,write,fdatasync,fsync,ftruncate,fallocate,rename,unlink,rmdir,mkdir,sendto,sendmsg,mmap";

/** Arguments of strace; what it writes can be read by `parseTrace`. */
export function traceCommand(file: string): readonly string[] {
  const whole = ["-xx", "-s", "100000000", "-yy"];
  return ["strace", "-f", "-qq", "--seccomp-bpf", ...whole, "-e", `trace=${tracedCalls}`, "-o", file];
}

/** The calls in the order in which they began. */
export function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { name: string; parameters: string; began: number; index: number }>();
  for (const [line, content] of text.split("\n").entries()) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(content) ?? [];
    const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(rest);
    if (resumed !== null) {
      const begun = unfinished.get(thread);
      unfinished.delete(thread);
      const result = resultOf(resumed[2] ?? "");
      if (begun === undefined || result === undefined) continue;
      const parameters = begun.parameters + parametersOf(resumed[2] ?? "").trim();
      calls[begun.index] = { name: begun.name, parameters, result, began: begun.began, done: line };
      continue;
    }
    const name = /^(\w+)\(/.exec(rest)?.[1];
    if (name === undefined) continue;
    const tail = rest.slice(name.length + 1);
    const index = calls.length;
    if (tail.endsWith("<unfinished ...>")) {
      const parameters = tail.slice(0, -"<unfinished ...>".length).trimEnd();
      unfinished.set(thread, { name, parameters, began: line, index });
      // Where the trace ends before it does, it may have happened or not.
      calls.push({ name, parameters, result: 0, began: line, done: Number.POSITIVE_INFINITY });
      continue;
    }
    const result = resultOf(tail);
    if (result === undefined) continue;
    calls.push({ name, parameters: parametersOf(tail), result, began: line, done: line });
  }
  return calls;
}

/** Undefined where the call failed. */
function resultOf(tail: string): number | undefined {
  const result = /\) += (\?|-?\d+|0x[0-9a-f]+)(?:<[^>]*>)?(?: [^"]*)?$/.exec(tail)?.[1];
  if (result === undefined || result === "?" || result.startsWith("-")) return undefined;
  return Number(result);
}

function parametersOf(tail: string): string {
  return tail.slice(0, tail.lastIndexOf(") "));
}

/** The bytes of a string that strace has printed with -xx. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll("\\x", ""), "hex");
}
