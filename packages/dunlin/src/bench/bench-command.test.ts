import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBroker, tcpListener } from "@dunlin/broker";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runDunlin } from "../../test/run-dunlin.ts";

const folder = mkdtempSync(join(tmpdir(), "dunlin-bench-test-"));
const listener = tcpListener({ port: 0 });
const broker = createBroker({ listeners: [listener], sysIntervalSeconds: 0 });

beforeAll(() => broker.start());
afterAll(async () => {
  await broker.stop();
  rmSync(folder, { recursive: true });
});

const bench = (...args: string[]) => runDunlin(["bench", ...args]);

it("shares the clients among threads, prints JSON and draws", async () => {
  const plot = join(folder, "plot.html");
  const shape = ["--publishers", "6", "--subscribers", "3", "-n", "3000", "-q", "1", "-w", "2"];
  const { exitCode, stdout } = await bench(
    "fan-in",
    "--url",
    listener.url,
    ...shape,
    "--json",
    "-",
    "--plot",
    plot,
  );
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    mode: "fan-in",
    workers: 2,
    counts: { sent: 3000, delivered: 9000, lost: 0 },
    violations: [],
  });
  const html = readFileSync(plot, "utf8");
  expect(html).toContain("<svg");
  expect(html.match(/<polyline/g)).toHaveLength(4);
  expect(html).not.toMatch(/(src|href)=/);
});

it("prints a summary, and progress on the standard error", async () => {
  const args = ["pairs", "--url", listener.url, "--pairs", "2", "-d", "1.2", "--warmup", "0"];
  const { exitCode, stdout, stderr } = await bench(...args);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^sent .+\ndelivered .+\nchecked +0 lost, 0 twice, 0 out of order\nlatency +p50/);
  expect(stderr).toMatch(/in [\d,]+\/s {2}out [\d,]+\/s/);
});

it("ends with exit code 1 where something was not as it should be", async () => {
  const strict = tcpListener({ port: 0 });
  const reject = { action: "reject", reasonCode: 0x87 } as const;
  await using other = createBroker({
    listeners: [strict],
    publishInterceptors: [{ intercept: () => reject }],
  });
  await other.start();
  const { exitCode, stdout } = await bench("pub", "--url", strict.url, "-c", "1", "-n", "10", "-q", "1");
  expect(exitCode).toBe(1);
  expect(stdout).toContain("BROKEN: 10 messages were refused");
});

it.each([
  [["pair"], 'unknown load "pair"; did you mean "pairs"?'],
  [[], "what load? one of connect, pub"],
  [["pub", "--pairs", "3"], "--pairs goes with pairs, latency, not with pub"],
  [["pairs", "--offline"], "--offline needs --qos 1 or 2"],
  [["pairs", "-s", "10"], "-s must be a whole number from 20"],
  [["pairs", "-n", "1", "-d", "1"], "give one of --count and --duration"],
] as const)("refuses %j", async (args, text) => {
  const { exitCode, stderr } = await bench(...args);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(text);
});
