import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bin/dunlin.js", import.meta.url));

export interface RunOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Given to the standard input, which then ends. */
  readonly input?: string | Uint8Array;
  /** User id to run as. */
  readonly uid?: number;
}

export interface Result {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A dunlin process as a user would start it, in an environment that sets nothing of ours. */
export class DunlinProcess implements AsyncDisposable {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  stdout = "";
  stderr = "";
  private readonly ended: Promise<unknown>;

  constructor(args: readonly string[], options: RunOptions = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("DUNLIN_"));
    this.child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd,
      env: { ...Object.fromEntries(inherited), ...options.environment },
      stdio: "pipe",
      ...(options.uid !== undefined && { uid: options.uid }),
    });
    this.child.stdout.on("data", (chunk) => {
      this.stdout += chunk;
    });
    this.child.stderr.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = once(this.child, "close");
    // It may end without reading what it is given.
    this.child.stdin.on("error", () => undefined);
    if (options.input !== undefined) this.child.stdin.end(options.input);
  }

  /** Resolves once `pattern` is found in what was printed, to its match. */
  async printed(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      if (this.child.exitCode !== null)
        throw new Error(`ended without ${pattern}: ${this.stdout}${this.stderr}`);
      await Promise.race([once(this.child[stream], "data"), this.ended]);
    }
  }

  async result(): Promise<Result> {
    await this.ended;
    return { exitCode: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

export function runDunlin(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new DunlinProcess(args, { input: "", ...options }).result();
}
