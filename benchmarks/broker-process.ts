import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const PROBE_MS = 25;
/** From the first accepted connection until a broker has settled. */
const SETTLE_MS = 300;
const OUTPUT_KEPT = 2000;

/** A broker that listens on `port`, alone with what it needs. */
export class BrokerProcess implements AsyncDisposable {
  readonly pid: number;
  readonly port: number;
  readonly #child: ChildProcess;
  #output = "";

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.pid = child.pid!;
    this.port = port;
    const collect = (chunk: Buffer): void => {
      this.#output = `${this.#output}${chunk}`.slice(-OUTPUT_KEPT);
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
  }

  /** Rejects where nothing listens on the port in time, with what the broker had to say. */
  static async start(command: readonly string[], port: number): Promise<BrokerProcess> {
    const [file, ...args] = command;
    const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"] });
    await once(child, "spawn");
    const broker = new BrokerProcess(child, port);
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (!(await isListening(port))) {
      if (child.exitCode !== null || performance.now() > deadlineMs) {
        await broker[Symbol.asyncDispose]();
        throw new Error(`the broker did not start: ${broker.#output}`);
      }
      await sleep(PROBE_MS);
    }
    await sleep(SETTLE_MS);
    return broker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
