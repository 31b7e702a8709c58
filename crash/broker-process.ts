import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Durability } from "@dunlin/broker";

const program = fileURLToPath(new URL("../packages/dunlin/bin/dunlin.js", import.meta.url));
const preload = new URL("./fail-points/preload.mjs", import.meta.url).href;
const startTimeoutMs = 30_000;

export interface BrokerProcessOptions {
  readonly data: string;
  readonly durability?: Durability | undefined;
  /** Loads the fail points; one may be armed before anything runs. */
  readonly failPoints?:
    | { readonly at?: FailPoint | undefined; readonly plant?: string | undefined }
    | undefined;
  /** What goes before `node`: a tracer, say. */
  readonly wrapper?: readonly string[] | undefined;
  /** Goes through a shell first, e.g. "ulimit -f 4000". */
  readonly shellLimit?: string | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

export interface FailPoint {
  readonly name: string;
  /** Dies when it comes there for this time. */
  readonly count: number;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `dunlin start` as it is built, in a process of its own. */
export class BrokerProcess {
  readonly ended: Promise<ProcessEnd>;
  /** All that it wrote to stderr: its log. */
  log = "";
  /** Where it listens, once it does. */
  port = 0;
  hasEnded = false;
  readonly data: string;
  readonly #child: ChildProcess;
  readonly #isWrapped: boolean;

  constructor(options: BrokerProcessOptions) {
    const { data, durability = "disk", failPoints, wrapper = [], shellLimit } = options;
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(DUNLIN|CRASH|NODE_OPTIONS)/.test(name),
    );
    const { at, plant = "" } = failPoints ?? {};
    const command = [
      ...wrapper,
      process.execPath,
      ...(failPoints === undefined ? [] : ["--import", preload]),
      program,
      ...["start", "--port", "0", "--data", data, "--durability", durability, "--quiet"],
    ];
    const shell = ["sh", "-c", `${shellLimit}; exec "$0" "$@"`];
    const [file = "", ...args] = shellLimit === undefined ? command : [...shell, ...command];
    this.data = data;
    this.#isWrapped = wrapper.length > 0;
    this.#child = spawn(file, args, {
      env: {
        ...Object.fromEntries(inherited),
        ...options.environment,
        CRASH_AT: at === undefined ? "" : JSON.stringify(at),
        CRASH_PLANT: plant,
      },
      stdio: ["ignore", "ignore", "pipe", ...(failPoints === undefined ? [] : (["ipc"] as const))],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
    this.ended = once(this.#child, "close").then(([code, signal]) => {
      this.hasEnded = true;
      return { code, signal };
    });
  }

  /** Starts one, and waits until it listens. Rejects with its log where it ends before. */
  static async start(options: BrokerProcessOptions): Promise<BrokerProcess> {
    const broker = new BrokerProcess(options);
    if (!(await broker.listening())) throw new Error(`the broker did not start:\n${broker.log}`);
    return broker;
  }

  /** False where the process ends before it listens. */
  async listening(): Promise<boolean> {
    const timer = setTimeout(() => this.kill(), startTimeoutMs);
    try {
      for (;;) {
        const port = /"listeners":\["mqtt:\/\/127\.0\.0\.1:(\d+)"\]/.exec(this.log)?.[1];
        this.port = Number(port ?? 0);
        if (port !== undefined) return true;
        if (this.hasEnded) return false;
        await Promise.race([once(this.#child.stderr!, "data"), this.ended]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Kills it at a fail point of its code; resolves once it knows. */
  async arm(point: FailPoint): Promise<void> {
    const answer = once(this.#child, "message");
    this.#child.send(point, () => {});
    await Promise.race([answer, this.ended]);
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    if (this.hasEnded) return;
    // A tracer lets what it traces go on without it.
    if (this.#isWrapped) signalChildren(this.pid, signal);
    if (!this.#isWrapped) this.#child.kill(signal);
  }

  /** Asks it to end, and waits for that. */
  async stop(): Promise<ProcessEnd> {
    this.kill("SIGTERM");
    return this.ended;
  }
}

function signalChildren(pid: number, signal: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  for (const child of children.split(" ").map(Number)) if (child > 0) process.kill(child, signal);
}

/** Why the tracer cannot be used here; undefined: it can. */
export function whyNotTraced(): string | undefined {
  if (process.platform !== "linux") return "strace is a tool of Linux";
  const { status, error } = spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]);
  if (error !== undefined) return "strace is not installed";
  return status === 0 ? undefined : "strace may not trace here";
}
