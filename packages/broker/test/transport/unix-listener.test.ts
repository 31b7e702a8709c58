import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Listener, unixListener } from "@dunlin/broker";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StreamQueue } from "./stream-log.ts";
import { connectUnix } from "./test-client.ts";

let folder: string;
let path: string;
const started: Listener[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dunlin-"));
  path = join(folder, "mqtt.sock");
});

afterEach(async () => {
  for (const listener of started.splice(0)) await listener.stop();
  rmSync(folder, { recursive: true });
});

async function start(listener: Listener): Promise<StreamQueue> {
  const streams = new StreamQueue();
  await listener.start(streams.accept);
  started.push(listener);
  return streams;
}

/** Has a process listen on `path` and killed, so that its socket stays behind. */
async function leaveSocketBehind(): Promise<void> {
  const script = join(folder, "listen.cjs");
  writeFileSync(
    script,
    `require("net").createServer().listen(${JSON.stringify(path)}, () => process.send("up"))`,
  );
  const child = fork(script, { execArgv: [] });
  await once(child, "message");
  child.kill("SIGKILL");
  await once(child, "exit");
}

test("clients connect by the path, this user only, and the file goes with the listener", async () => {
  const listener = unixListener({ path });
  expect(listener).toMatchObject({ name: `unix:${path}`, url: `unix://${path}`, limits: {} });
  expect(existsSync(path)).toBe(false);
  const streams = await start(listener);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const client = await connectUnix(listener.url);
  const stream = await streams.next();
  expect(stream.origin).toEqual({ transport: "unix", remoteAddress: path, remotePort: 0 });
  expect(stream.listener).toBe(listener);
  client.destroy();
  await listener.stop();
  expect(existsSync(path)).toBe(false);
});

test("the mode says who may connect", async () => {
  await start(unixListener({ path, mode: 0o660 }));
  expect(statSync(path).mode & 0o777).toBe(0o660);
});

test("a socket that a killed process left behind is replaced", async () => {
  await leaveSocketBehind();
  expect(existsSync(path)).toBe(true);
  const listener = unixListener({ path });
  const streams = await start(listener);
  const client = await connectUnix(listener.url);
  await streams.next();
  client.destroy();
});

test("a socket that somebody listens on is left alone", async () => {
  const first = unixListener({ path });
  const streams = await start(first);
  await expect(unixListener({ name: "second", path }).start(() => {})).rejects.toMatchObject({
    code: "DUNLIN_LISTEN",
    message: `listener "second": cannot listen on ${path}: a program or listener is listening there; stop that one or choose another path`,
  });
  // The probe of the second was a connection as any other.
  await streams.next();
  const client = await connectUnix(first.url);
  await streams.next();
  client.destroy();
});

test("a file that is no socket is left alone", async () => {
  writeFileSync(path, "precious");
  await expect(unixListener({ path }).start(() => {})).rejects.toMatchObject({
    code: "DUNLIN_LISTEN",
    message: expect.stringContaining(`${path} is in the way and no socket; remove it`),
  });
  expect(statSync(path).size).toBe(8);
});

test("a folder that does not exist is named with the remedy", async () => {
  const missing = join(folder, "missing", "mqtt.sock");
  await expect(unixListener({ path: missing }).start(() => {})).rejects.toMatchObject({
    code: "DUNLIN_LISTEN",
    message: expect.stringContaining("its folder does not exist or may not be written to; create it"),
  });
});

test("a path too long for a socket is refused at once", () => {
  expect(() => unixListener({ path: `/tmp/${"x".repeat(99)}` })).toThrow("1 to 103 bytes, not 104");
  expect(() => unixListener({ path: "" })).toThrow(expect.objectContaining({ code: "DUNLIN_OPTION" }));
});
