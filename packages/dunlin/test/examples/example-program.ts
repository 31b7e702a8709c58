import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { Inbox } from "../interoperability/inbox.ts";

const folder = fileURLToPath(new URL("../../../../examples/", import.meta.url));

/** A program of examples/, run as its README says. */
export class ExampleProgram {
  readonly #lines = new Inbox<string>();
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exit: Promise<number | null>;
  #errors = "";

  /** `program`: below examples/. Whatever is still running when the test is over is killed. */
  constructor(program: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, ["--import", "tsx", `${folder}${program}`, ...args], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#lines.push(line));
    this.#child.stderr.on("data", (text) => {
      this.#errors += text;
    });
    this.#exit = once(this.#child, "exit").then(([code]) => code);
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  /** Reads on to the line that has `text` in it. */
  async prints(text: string): Promise<string> {
    const before: string[] = [];
    for (;;) {
      const line = await this.#lines.next().catch((error) => {
        const output = [...before, this.#errors].join("\n");
        throw new Error(`no line has "${text}" in it:\n${output}`, { cause: error });
      });
      if (line.includes(text)) return line;
      before.push(line);
    }
  }

  /** Ends at once, as in a power cut. */
  crash(): void {
    this.#child.kill("SIGKILL");
  }

  /** Resolves with what it wrote to stderr; rejects where it failed. */
  async ends(): Promise<string> {
    const code = await this.#exit;
    if (code !== 0) throw new Error(`it ended with ${code}:\n${this.#errors}`);
    return this.#errors;
  }
}
