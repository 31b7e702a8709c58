import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const writingCalls = "pwrite64,pwritev,writev,fdatasync,fsync,ftruncate";

/** From `start` to `stop`, whatever a running process writes to one file fails. */
export class FailingCalls {
  readonly #tracer: ChildProcess;

  private constructor(tracer: ChildProcess) {
    this.#tracer = tracer;
  }

  /** `error`: as errno names it; also opening the file for writing fails where `isOpeningRefused`. */
  static async start(pid: number, file: string, error: string): Promise<FailingCalls> {
    const calls = error === "EROFS" ? `${writingCalls},openat` : writingCalls;
    const filter = ["-P", file, "-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}`];
    const tracer = spawn("strace", ["-f", "-o", "/dev/null", ...filter, "-p", String(pid)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    tracer.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    while (!said.includes("attached")) {
      await Promise.race([once(tracer.stderr, "data"), once(tracer, "close")]);
      if (tracer.exitCode !== null) throw new Error(said);
    }
    return new FailingCalls(tracer);
  }

  async stop(): Promise<void> {
    const ended = once(this.#tracer, "close");
    this.#tracer.kill("SIGINT");
    await ended;
  }
}
