import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { TestOptions } from "vitest";

const startTimeoutMs = 15_000;
const stopTimeoutMs = 10_000;
const probeIntervalMs = 20;

const program = fileURLToPath(new URL("../../packages/dunlin/bin/dunlin.js", import.meta.url));

/**
 * Another broker to hold the tests against, with `{port}` for its port, e.g. "mosquitto -p {port}".
 * Tests that need Dunlin's own options are skipped then.
 */
export const foreignCommand: string | undefined = process.env["DUNLIN_CONFORMANCE_COMMAND"];

export const needsDunlin: TestOptions =
  foreignCommand === undefined
    ? {}
    : { skip: true, meta: { skipReason: "the broker under test is not Dunlin" } };

export interface BrokerProcess {
  readonly port: number;
  /** Ends as an operator does (SIGTERM) and removes the data folder if it was made here. */
  stop(): Promise<void>;
  /** Ends at once (SIGKILL) and keeps the data folder. */
  kill(): Promise<void>;
}

export interface BrokerProcessOptions {
  /** Default: a new folder that goes when the broker stops. */
  readonly dataFolder?: string;
  readonly arguments?: readonly string[];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}

function command(port: number, dataFolder: string, extra: readonly string[]): [string, string[]] {
  if (foreignCommand !== undefined) {
    const [file, ...rest] = foreignCommand.replaceAll("{port}", String(port)).split(" ");
    return [file!, rest];
  }
  if (!existsSync(program)) throw new Error(`${program} is missing: run \`npm run build\` first`);
  return [process.execPath, [program, "start", "--port", String(port), "--data", dataFolder, ...extra]];
}

async function accepts(port: number): Promise<boolean> {
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

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await exited;
  clearTimeout(timer);
}

/** Starts the broker as its users do, as a process of its own, and waits until it accepts connections. */
export async function startBrokerProcess(options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
  const port = await freePort();
  const ownFolder = options.dataFolder === undefined;
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "dunlin-conformance-")));
  const [file, parameters] = command(port, dataFolder, options.arguments ?? []);
  const child = spawn(file, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output = (output + chunk).slice(-4000);
  });
  child.stderr.on("data", (chunk) => {
    output = (output + chunk).slice(-4000);
  });
  const deadline = performance.now() + startTimeoutMs;
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}:\n${output}`);
    if (performance.now() > deadline) {
      await end(child, "SIGKILL");
      throw new Error(`${file} does not accept connections on port ${port}:\n${output}`);
    }
    await sleep(probeIntervalMs);
  }
  return {
    port,
    async stop() {
      await end(child, "SIGTERM");
      if (ownFolder) await rm(dataFolder, { recursive: true, force: true });
    },
    async kill() {
      await end(child, "SIGKILL");
    },
  };
}
