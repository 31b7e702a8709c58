import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { type ConnectPacket, encodePacket } from "@dunlin/protocol";
import { createTestAuthority, missingOpenssl, skippedWithout } from "@dunlin/test-kit";
import { afterAll, describe, expect, test } from "vitest";
import { DunlinProcess, type Result, runDunlin } from "./run-dunlin.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());

/** Starts the broker on a free port; resolves once it listens, with the options that lead a client to it. */
async function startBroker(
  ...args: string[]
): Promise<{ broker: DunlinProcess; where: string[]; port: number }> {
  const broker = new DunlinProcess(["start", "--port", "0", ...args]);
  const [, port] = await broker.printed("stdout", /mqtt:\/\/127\.0\.0\.1:(\d+)/);
  await broker.printed("stdout", /allowAnonymous: false/);
  return { broker, where: ["-p", port!], port: Number(port) };
}

const connectPacket: ConnectPacket = {
  type: "CONNECT",
  protocolVersion: 5,
  cleanStart: true,
  keepAliveSeconds: 0,
  clientId: "raw",
  properties: {},
};

const refused = (line: string | RegExp): object => ({
  exitCode: 1,
  stdout: "",
  stderr: typeof line === "string" ? `dunlin: ${line}\n` : expect.stringMatching(line),
});

describe("start", () => {
  test("tells where it listens, where the data is, how to try it and how to open it safely", async () => {
    const data = join(folder.path, "told");
    const { broker, port } = await startBroker("--data", data, "--log-level", "silent");
    await using _ = broker;
    expect(broker.stdout).toContain(
      `Listening  mqtt://127.0.0.1:${port}  programs on this machine, without credentials`,
    );
    expect(broker.stdout).toContain(`Data       ${data}  (durability disk: `);
    // What it tells to try works.
    const [, subscribe] = /^ {2}\S+ (sub .*)$/m.exec(broker.stdout)!;
    const [, publish] = /^ {2}\S+ (pub .*)$/m.exec(broker.stdout)!;
    const words = (line: string): string[] =>
      [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!);
    await runDunlin([...words(publish!), "-r"]);
    const { stdout } = await runDunlin([...words(subscribe!), "-C", "1"]);
    expect(stdout).toBe("demo/hello hello, world\n");
    expect(broker.stdout.split("\n").length).toBeLessThan(15);
    expect(broker.stderr).toBe("");
  });

  test("what is acknowledged is there after kill -9 and a restart", async () => {
    const data = join(folder.path, "kept");
    const first = await startBroker("--data", data);
    await runDunlin(["sub", ...first.where, "-t", "a", "-q", "1", "-c", "-i", "away", "-E"]);
    await runDunlin(["pub", ...first.where, "-t", "a", "-m", "kept", "-q", "1", "-r"]);
    await first.broker[Symbol.asyncDispose]();
    const second = await startBroker("--data", data);
    await using _ = second.broker;
    const { stdout } = await runDunlin([
      "sub",
      ...second.where,
      "-t",
      "a",
      "-q",
      "1",
      "-c",
      "-i",
      "away",
      "-C",
      "2",
    ]);
    expect(stdout).toBe("kept\nkept\n");
  });

  test("durability memory stores nothing, and says so", async () => {
    const data = join(folder.path, "memory");
    const { broker } = await startBroker("--data", data, "--durability", "memory");
    await using _ = broker;
    expect(broker.stdout).toContain("durability memory: NOTHING is stored; a restart loses all");
    expect(readdirSync(folder.path)).not.toContain("memory");
  });

  test("--quiet prints nothing; the log says in JSON that it runs", async () => {
    await using broker = new DunlinProcess(["--port", "0", "--durability", "memory", "--quiet"]);
    const [line] = await broker.printed("stderr", /.*"running".*/);
    expect(JSON.parse(line)).toMatchObject({
      level: "info",
      listeners: [expect.stringMatching(/^mqtt:/)],
      msg: "running",
    });
    expect(broker.stdout).toBe("");
  });

  test("the environment names file and port", async () => {
    const file = folder.write("env.yaml", "durability: memory\nlogging: { format: pretty }\n");
    await using broker = new DunlinProcess([], { environment: { DUNLIN_CONFIG: file, DUNLIN_PORT: "0" } });
    await broker.printed("stdout", /durability memory/);
    expect(broker.stderr).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}running {2}/);
  });
});

describe("stop", () => {
  test.each(["SIGTERM", "SIGINT"] as const)(
    "%s tells MQTT 5.0 clients 0x8B and ends with 0",
    async (signal) => {
      const { broker, where } = await startBroker("--data", join(folder.path, signal));
      await using _ = broker;
      await using subscriber = new DunlinProcess([
        "sub",
        ...where,
        "-t",
        "ready",
        "-t",
        "$SYS/broker/version",
      ]);
      await subscriber.printed("stdout", /\d/);
      broker.child.kill(signal);
      expect(await broker.result()).toMatchObject({ exitCode: 0 });
      expect(await subscriber.result()).toMatchObject({
        exitCode: 4,
        stderr: expect.stringContaining("Server shutting down (0x8B)"),
      });
    },
  );

  test("a second signal ends it at once, with 1", async () => {
    const { broker, port } = await startBroker("--durability", "memory");
    await using _ = broker;
    // A client that hears DISCONNECT and does not close.
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write(encodePacket(connectPacket, 5));
    await once(socket, "data");
    broker.child.kill("SIGTERM");
    await once(socket, "data");
    broker.child.kill("SIGTERM");
    expect(await broker.result()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("dunlin: not stopped cleanly: a second signal (SIGTERM) came\n"),
    });
    socket.destroy();
  });
});

test("a defect is logged and ends with 70", async () => {
  const defect = 'process.on("SIGUSR2", () => { throw new Error("boom"); });';
  const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(defect)}` };
  await using broker = new DunlinProcess(["--port", "0", "--durability", "memory", "--quiet"], {
    environment,
  });
  await broker.printed("stderr", /"running"/);
  broker.child.kill("SIGUSR2");
  const { exitCode, stderr } = await broker.result();
  expect(exitCode).toBe(70);
  expect(JSON.parse(stderr.trim().split("\n").at(-1)!)).toMatchObject({
    level: "error",
    err: { message: "boom" },
  });
});

describe("what cannot start is one line and exit code 1", () => {
  test("a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const result = await runDunlin(["--port", String(port), "--durability", "memory"]);
    other.close();
    expect(result).toEqual(
      refused(new RegExp(`^dunlin: [^\\n]*127.0.0.1:${port}: the port is in use [^\\n]*\\n$`)),
    );
  });

  test("a folder with files of others, which stay as they are", async () => {
    using foreign = new TemporaryFolder();
    foreign.write("letter.txt", "dear reader");
    const result = await runDunlin(["--port", "0", "--data", foreign.path]);
    expect(result).toEqual(refused(/^dunlin: [^\n]+ is not a Dunlin store [^\n]+letter.txt[^\n]+\n$/));
    expect(readdirSync(foreign.path)).toEqual(["letter.txt"]);
  });

  test("a store that another broker uses", async () => {
    const data = join(folder.path, "shared");
    const { broker } = await startBroker("--data", data);
    await using _ = broker;
    const result = await runDunlin(["--port", "0", "--data", data]);
    expect(result).toEqual(refused(/^dunlin: [^\n]+ is in use by process \d+[^\n]+\n$/));
  });

  test("a data folder that is a file", async () => {
    const file = folder.write("file", "");
    expect(await runDunlin(["--port", "0", "--data", file])).toEqual(
      refused(/^dunlin: [^\n]+\/file [^\n]+\n$/),
    );
  });

  // A test that runs as root becomes somebody else: root may write everywhere.
  test("a data folder that may not be written to", async () => {
    const { uid } = process.getuid?.() === 0 ? { uid: 65_534 } : { uid: undefined };
    const args = ["--port", "0", "--data", "/dunlin-may-not-write-here"];
    const result = await runDunlin(args, { cwd: "/", ...(uid !== undefined && { uid }) });
    expect(result).toEqual(refused(/^dunlin: [^\n]*dunlin-may-not-write-here[^\n]*\n$/));
  });

  test("an address for all, without the word", async () => {
    const result = await runDunlin(["--host", "0.0.0.0", "--port", "0", "--quiet"]);
    expect(result).toEqual(
      refused(/^dunlin: --host: listeners\[0\].host: anyone who reaches [^\n]+ \(--allow-anonymous\)\n$/),
    );
  });

  test("a broken configuration: every line of it", async () => {
    const file = folder.write("broken.yaml", "durabilty: os\nlimits: { receiveMaximum: 0 }\n");
    expect(await runDunlin(["--config", file])).toEqual(
      refused(
        `${file}:1:1: durabilty: unknown key; did you mean "durability"?\n` +
          `dunlin: ${file}:2:27: limits.receiveMaximum: must be at least 1, not 0`,
      ),
    );
  });
});

test("--check-config starts nothing", async () => {
  const example = new URL("../dunlin.example.yaml", import.meta.url).pathname;
  using empty = new TemporaryFolder();
  const result = await runDunlin(["--config", example, "--check-config"], { cwd: empty.path });
  expect(result).toEqual({ exitCode: 0, stdout: `${example} is valid\n`, stderr: "" });
  expect(readdirSync(empty.path)).toEqual([]);
});

describe("TLS", skippedWithout(missingOpenssl()), () => {
  const authority = createTestAuthority();
  afterAll(() => authority.remove());

  function writeCredentials(name: string, options: { notBefore?: Date; notAfter?: Date } = {}): void {
    const { key, cert } = authority.issue({ commonName: name, ...options });
    folder.write(`${name}.key`, key);
    folder.write(`${name}.crt`, cert);
    folder.write("ca.crt", authority.cert);
  }

  function check(tls: string): Promise<Result> {
    const file = folder.write(
      "tls.yaml",
      `listeners: [{ type: tls, host: 0.0.0.0, port: 0, tls: { ${tls} } }]\nallowAnonymous: true\n`,
    );
    return runDunlin(["--config", file, "--check-config"]);
  }

  test("certificates that are expired, not yet valid, missing, no certificates, or of another key", async () => {
    const day = 86_400_000;
    writeCredentials("good");
    writeCredentials("old", {
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day),
    });
    writeCredentials("early", {
      notBefore: new Date(Date.now() + day),
      notAfter: new Date(Date.now() + 2 * day),
    });
    const where = `${folder.path}/tls.yaml:1:`;
    expect(await check("certFile: good.crt, keyFile: good.key")).toMatchObject({ exitCode: 0 });
    const lines = async (tls: string): Promise<string[]> => {
      const { exitCode, stderr } = await check(tls);
      expect(exitCode).toBe(1);
      expect(stderr).toContain(where);
      return stderr.trim().split("\n");
    };
    expect(await lines("certFile: old.crt, keyFile: old.key")).toEqual([
      expect.stringMatching(/tls.certFile: .*old.crt: expired on .*; renew/),
    ]);
    expect(await lines("certFile: early.crt, keyFile: early.key")).toEqual([
      expect.stringMatching(/early.crt: is not valid before /),
    ]);
    expect(await lines("certFile: good.crt, keyFile: old.key")).toEqual([
      expect.stringMatching(/tls.keyFile: .*old.key: is not the key of /),
    ]);
    expect(await lines("certFile: none.crt, keyFile: tls.yaml, caFile: good.key")).toEqual([
      expect.stringMatching(/none.crt: there is no such file/),
      expect.stringMatching(/tls.yaml: is not a PEM private key/),
      expect.stringMatching(/tls.caFile: .*good.key: is not a PEM certificate/),
    ]);
    expect(await lines("certFile: good.crt, keyFile: good.key, clientCertificate: require")).toEqual([
      expect.stringMatching(/clientCertificate: require needs caFile/),
    ]);
  });

  test("clients with a certificate get in, others are told that they need one; SIGHUP renews", async () => {
    writeCredentials("server");
    writeCredentials("client");
    const yaml = `listeners:
  - type: tls
    host: "0.0.0.0"
    port: 0
    tls: { certFile: server.crt, keyFile: server.key, caFile: ca.crt, clientCertificate: require }
  - { type: wss, port: 0, tls: { certFile: server.crt, keyFile: server.key } }
durability: memory
`;
    await using broker = new DunlinProcess(["--config", folder.write("secure.yaml", yaml)]);
    const [, port] = await broker.printed(
      "stdout",
      /mqtts:\/\/0\.0\.0\.0:(\d+) .*clients with a certificate/,
    );
    const [webSocketUrl] = await broker.printed("stdout", /wss:\S+/);
    const file = (name: string): string => join(folder.path, name);
    const pub = (...args: string[]): Promise<Result> =>
      runDunlin(["pub", "-t", "a", "-m", "x", "-q", "1", "--cafile", file("ca.crt"), ...args]);
    const asClient = ["--cert", file("client.crt"), "--key", file("client.key")];
    expect(await pub("-p", port!, ...asClient)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await pub("-p", port!)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining("wants a client certificate"),
    });
    expect(await pub("--url", webSocketUrl!)).toMatchObject({ exitCode: 0 });
    const untrusted = await runDunlin(["pub", "-t", "a", "-m", "x", "--tls", "-p", port!, ...asClient]);
    expect(untrusted).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining("name its authority with --cafile"),
    });
    writeCredentials("server");
    broker.child.kill("SIGHUP");
    await broker.printed("stderr", /(certificates read again[\s\S]*){2}/);
    expect(await pub("-p", port!, ...asClient)).toMatchObject({ exitCode: 0 });
    folder.write("server.crt", "nonsense");
    broker.child.kill("SIGHUP");
    await broker.printed("stderr", /certificates kept as they were/);
    expect(await pub("-p", port!, ...asClient)).toMatchObject({ exitCode: 0 });
  });
});
