import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { BrokerLimits } from "@dunlin/broker";
import type { ChildReport } from "./broker-child.ts";
import { Probe } from "./probe.ts";

const program = fileURLToPath(new URL("broker-child.ts", import.meta.url));

/** A broker in a process of its own, and a well-behaved client that uses it all the while. */
export class AttackedBroker {
  readonly #child: ChildProcess;
  readonly #urls: readonly string[];
  readonly #probe: Probe;
  readonly #before: ChildReport;

  private constructor(child: ChildProcess, urls: readonly string[], probe: Probe, before: ChildReport) {
    this.#child = child;
    this.#urls = urls;
    this.#probe = probe;
    this.#before = before;
  }

  static async start(limits: Partial<BrokerLimits> = {}): Promise<AttackedBroker> {
    const child = fork(program, [JSON.stringify(limits)], {
      execArgv: ["--conditions=x-source", "--import", "tsx"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [urls] = (await once(child, "message")) as [string[]];
    const probe = await Probe.start(urls[0] as string);
    return new AttackedBroker(child, urls, probe, await reportOf(child));
  }

  get tcpUrl(): string {
    return this.#urls[0] as string;
  }

  get webSocketUrl(): string {
    return this.#urls[1] as string;
  }

  get proxyUrl(): string {
    return this.#urls[2] as string;
  }

  report(): Promise<ChildReport> {
    return reportOf(this.#child);
  }

  /** Another attack begins: what the one before cost in time is forgotten. */
  reset(): void {
    this.#probe.reset();
  }

  /** What the attack has cost: memory of the process, and the time the well-behaved client had to wait at worst. */
  async cost(): Promise<{ readonly memoryBytes: number; readonly latencyMs: number }> {
    const latencyMs = await this.#probe.worstMs();
    const { peakRssBytes } = await this.report();
    return { memoryBytes: peakRssBytes - this.#before.peakRssBytes, latencyMs };
  }

  async stop(): Promise<void> {
    this.#probe.stop();
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}

async function reportOf(child: ChildProcess): Promise<ChildReport> {
  child.send("report");
  const [report] = (await once(child, "message")) as [ChildReport];
  return report;
}
