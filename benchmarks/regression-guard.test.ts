import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import type { HotPathReport } from "./guard/hot-path-probe.ts";
import { type MemoryUse, measureMemory } from "./guard/measure-memory.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const hotPathProbe = fileURLToPath(new URL("./guard/hot-path-probe.ts", import.meta.url));

/** In a process of its own: vitest rewrites what it loads, and that shows on the hot path. */
async function measureHotPath(): Promise<HotPathReport> {
  const args = ["--conditions=x-source", "--import", "tsx", hotPathProbe];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}

describe("the hot path, from a publisher's bytes to its subscriber's", () => {
  let report: HotPathReport;
  beforeAll(async () => {
    report = await measureHotPath();
  });

  // Bytes and calls are the same on every machine, however busy: these limits are tight.
  it("makes no object per message of QoS 0", () => {
    // Measured 1.3. A promise or closure per message takes over 50.
    expect(report.qos0.heapBytes).toBeLessThan(16);
  });

  it("makes no object per message of QoS 1", () => {
    // Measured 5.4.
    expect(report.qos1.heapBytes).toBeLessThan(20);
  });

  it("copies a message of QoS 0 once, into the arena", () => {
    expect(report.qos0.copies).toBeLessThan(1.1);
  });

  it("copies a message of QoS 1 for one subscriber once as well", () => {
    expect(report.qos1.copies).toBeLessThan(1.1);
  });

  it("writes once per connection and turn", () => {
    expect(report.qos0.writesPerTurn).toBe(1);
    expect(report.qos1.writesPerTurn).toBe(1);
  });

  // Three times what was measured.
  it("takes no more time than a few reference loops", () => {
    // Measured 1.4 to 1.6 and 2.5 to 2.8.
    expect(report.qos0.timeRatio).toBeLessThan(5);
    expect(report.qos1.timeRatio).toBeLessThan(8.5);
  });
});

describe("memory of the broker's process, in bytes of JavaScript memory for one more", () => {
  let memory: MemoryUse;
  beforeAll(async () => {
    memory = await measureMemory();
  });

  it("idle connection", () => {
    // Measured 1,570. With a socket of Node's for each, 2,400.
    expect(memory.connection).toBeLessThan(2200);
  });

  it("session of a client that is away", () => {
    // Measured 2,170 to 2,350, with one subscription.
    expect(memory.session).toBeLessThan(3300);
  });

  it("subscription", () => {
    // Measured 465, for a Topic Filter of three levels of which one is its own.
    expect(memory.subscription).toBeLessThan(700);
  });

  it("retained message", () => {
    // Measured 1,480, for 64 B of payload.
    expect(memory.retained).toBeLessThan(2250);
  });
});
