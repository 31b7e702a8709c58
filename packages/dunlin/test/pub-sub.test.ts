import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";
import { type Broker, createBroker, tcpListener, unixListener, webSocketListener } from "@dunlin/broker";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DunlinProcess, type Result, runDunlin } from "./run-dunlin.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

const folder = new TemporaryFolder();
const socketPath = join(folder.path, "mqtt.sock");
let broker: Broker;
let port: string;
let webSocketUrl: string;

beforeAll(async () => {
  broker = createBroker({
    listeners: [tcpListener({ port: 0 }), webSocketListener({ port: 0 }), unixListener({ path: socketPath })],
    authorizer: { authorize: ({ topic }) => !topic.startsWith("secret") },
    authenticator: {
      authenticate: ({ connect }) =>
        connect.userName === "mallory"
          ? { accepted: false, reasonCode: 0x86, reasonString: "not you" }
          : { accepted: true },
    },
    sysIntervalSeconds: 0,
  });
  await broker.start();
  port = new URL(broker.listeners[0]!.url).port;
  webSocketUrl = broker.listeners[1]!.url;
});

afterAll(async () => {
  await broker.stop();
  folder[Symbol.dispose]();
});

const pub = (...args: string[]): Promise<Result> => runDunlin(["pub", "-p", port, ...args]);
const sub = (...args: string[]): Promise<Result> => runDunlin(["sub", "-p", port, ...args]);

/** Starts `dunlin sub`; resolves once the broker has the subscription. */
async function startSub(...args: string[]): Promise<DunlinProcess> {
  const subscribed = new Promise<void>((resolve) => {
    const off = broker.on("subscribed", () => {
      off();
      resolve();
    });
  });
  const process = new DunlinProcess(["sub", "-p", port, ...args], { input: "" });
  await Promise.race([subscribed, process.result()]);
  return process;
}

describe("pub and sub", () => {
  const transports = [
    { name: "TCP", where: () => ["-p", port] },
    { name: "WebSocket", where: () => ["--url", webSocketUrl] },
    { name: "Unix socket", where: () => ["--unix", socketPath] },
  ];
  const versions = ["mqttv31", "mqttv311", "mqttv5", "31", "311"];

  test.each(transports.flatMap((transport) => versions.map((version) => ({ ...transport, version }))))(
    "$version over $name, QoS 0, 1 and 2",
    async ({ where, version, name }) => {
      const topic = `each/${name}/${version}`;
      await using subscriber = await startSub(
        "-t",
        topic,
        "-q",
        "2",
        "-C",
        "3",
        "-V",
        version,
        "-F",
        "%q %p",
      );
      for (const qos of ["0", "1", "2"]) {
        const args = ["pub", ...where(), "-t", topic, "-m", `-${qos}`, "-q", qos, "-V", version];
        expect(await runDunlin(args)).toEqual({ exitCode: 0, stdout: "", stderr: "" });
      }
      expect(await subscriber.result()).toEqual({ exitCode: 0, stdout: "0 -0\n1 -1\n2 -2\n", stderr: "" });
    },
  );

  test("the path of a Unix socket may be relative", async () => {
    const args = ["pub", "--unix", basename(socketPath), "-t", "relative", "-m", "x", "-q", "1"];
    expect(await runDunlin(args, { cwd: folder.path })).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  });

  test("every property arrives, in JSON", async () => {
    await using subscriber = await startSub(
      "-t",
      "json/#",
      "-q",
      "1",
      "-C",
      "2",
      "--output",
      "json",
      "--subscription-identifier",
      "7",
    );
    await pub(
      ...[
        "-t",
        "json/a",
        "-m",
        "{}",
        "-q",
        "1",
        "--content-type",
        "application/json",
        "--response-topic",
        "r",
      ],
      ...["--correlation-data", "c", "--message-expiry", "60", "--payload-format", "utf8"],
      ...["--user-property", "a=1", "-D", "publish", "user-property", "a", "2=3", "--user-property", "b="],
    );
    await runDunlin(["pub", "-p", port, "-t", "json/b", "-s"], { input: Uint8Array.of(0xff, 0) });
    const [first, second] = (await subscriber.result()).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(first).toEqual({
      topic: "json/a",
      payload: "{}",
      qos: 1,
      retain: false,
      dup: false,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      properties: {
        contentType: "application/json",
        responseTopic: "r",
        correlationData: "c",
        messageExpiryIntervalSeconds: expect.any(Number),
        payloadFormatIndicator: 1,
        subscriptionIdentifiers: [7],
        userProperties: [
          ["a", "2=3"],
          ["a", "1"],
          ["b", ""],
        ],
      },
    });
    expect(second).toMatchObject({ topic: "json/b", payloadBase64: "/wA=" });
    expect(second).not.toHaveProperty("payload");
  });

  test("Topic Aliases of the broker are taken where they are asked for", async () => {
    await using subscriber = await startSub(
      "-t",
      "alias/#",
      "-C",
      "3",
      "-v",
      "-D",
      "connect",
      "topic-alias-maximum",
      "5",
    );
    for (const topic of ["alias/a", "alias/b", "alias/a"]) await pub("-t", topic, "-m", "x");
    expect((await subscriber.result()).stdout).toBe("alias/a x\nalias/b x\nalias/a x\n");
  });

  test("lines of the standard input, a file, repetitions", async () => {
    await using subscriber = await startSub("-t", "in", "-q", "2", "-C", "1006", "-v");
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
    const input = `${lines.join("\r\n")}\nlast`;
    expect(await runDunlin(["pub", "-p", port, "-t", "in", "-l", "-q", "2"], { input })).toMatchObject({
      exitCode: 0,
    });
    await pub("-t", "in", "-f", folder.write("payload", "from a file"));
    await pub("-t", "in", "-m", "again", "--repeat", "3", "--repeat-delay", "0.01");
    await pub("-t", "in", "-n");
    const { stdout } = await subscriber.result();
    const expected = [...lines, "last", "from a file", "again", "again", "again", ""];
    expect(stdout).toBe(expected.map((line) => `in ${line}\n`).join(""));
  });

  test("a session that stays gets what came while it was away, once", async () => {
    const session = ["-t", "away", "-q", "1", "-c", "-i", "worker"];
    expect(await sub(...session, "-E")).toMatchObject({ exitCode: 0, stdout: "" });
    for (const payload of ["1", "2", "3"]) await pub("-t", "away", "-m", payload, "-q", "1");
    expect(await sub(...session, "-C", "1")).toMatchObject({ stdout: "1\n" });
    expect(await sub(...session, "-C", "2")).toMatchObject({ stdout: "2\n3\n" });
    expect(await sub(...session, "-U", "away", "-E", "-x", "0")).toMatchObject({ exitCode: 0 });
  });

  test("a session with more messages than may wait at once", async () => {
    const lines = `${Array.from({ length: 3000 }, (_, index) => `line ${index}`).join("\n")}\n`;
    const session = ["-i", "far-behind", "-c", "-q", "1"];
    expect(await sub(...session, "-t", "behind", "-E")).toMatchObject({ exitCode: 0 });
    const input = { input: lines };
    expect(await runDunlin(["pub", "-p", port, "-t", "behind", "-l", "-q", "1"], input)).toMatchObject({
      exitCode: 0,
    });
    // Its answers come behind the messages, which it does not take.
    expect(await sub(...session, "-t", "behind", "-E", "-W", "10")).toMatchObject({ exitCode: 0 });
    expect(await pub(...session, "-t", "elsewhere", "-m", "x")).toMatchObject({ exitCode: 0 });
    expect(await sub(...session, "-t", "behind", "-C", "3000", "-W", "10")).toEqual({
      exitCode: 0,
      stdout: lines,
      stderr: "",
    });
  });

  test("retained messages: only, not at all, removed", async () => {
    for (const topic of ["kept/a", "kept/b"]) await pub("-t", topic, "-m", topic, "-r");
    expect((await sub("-t", "kept/#", "-T", "kept/b", "--retained-only", "-C", "1")).stdout).toBe("kept/a\n");
    await using fresh = await startSub("-t", "kept/#", "-R", "-C", "1");
    await using only = await startSub("-t", "kept/#", "--retained-only", "-v");
    // Topics come in any order.
    await Promise.all([
      only.printed("stdout", /kept\/a kept\/a\n/),
      only.printed("stdout", /kept\/b kept\/b\n/),
    ]);
    await pub("-t", "kept/c", "-m", "now");
    expect((await fresh.result()).stdout).toBe("now\n");
    expect(await only.result()).toEqual({ exitCode: 0, stdout: only.stdout, stderr: "" });
    expect(only.stdout.trim().split("\n")).toHaveLength(2);
    await sub("-t", "kept/#", "--remove-retained", "-C", "2");
    expect(await sub("-t", "kept/#", "-C", "1", "-W", "0.3")).toMatchObject({ exitCode: 27, stdout: "" });
  });

  test("a will is published when the connection breaks", async () => {
    await using watcher = await startSub("-t", "will", "-C", "1", "-v");
    await using dying = await startSub("-t", "x", "--will-topic", "will", "--will-payload", "gone");
    dying.child.kill("SIGKILL");
    expect((await watcher.result()).stdout).toBe("will gone\n");
  });

  test("the reader of the output may leave", async () => {
    await using subscriber = await startSub("-t", "pipe");
    subscriber.child.stdout.destroy();
    await pub("-t", "pipe", "-m", "x", "--repeat", "5");
    expect(await subscriber.result()).toMatchObject({ exitCode: 0, stderr: "" });
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s disconnects", async (signal) => {
    await using subscriber = await startSub(
      "-t",
      "signal",
      "--will-topic",
      "will/never",
      "--will-payload",
      "x",
    );
    const disconnected = new Promise((resolve) => broker.on("clientDisconnected", resolve));
    subscriber.child.kill(signal);
    expect(await subscriber.result()).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await disconnected).toMatchObject({ reasonCode: 0 });
  });
});

describe("exit codes", () => {
  test("3 for a subscription that is refused, with the reason", async () => {
    const result = await sub("-t", "ok", "-t", "secret/plan");
    expect(result).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: "dunlin: secret/plan: Not authorized (0x87)\n",
    });
  });

  test("3 for a message that is refused", async () => {
    const result = await pub("-t", "secret", "-m", "x", "-q", "1");
    expect(result).toEqual({ exitCode: 3, stdout: "", stderr: "dunlin: refused: Not authorized (0x87)\n" });
  });

  test.each([
    ["mqttv5", "Bad User Name or Password (0x86): not you"],
    ["mqttv311", "bad user name or password (4)"],
  ])("3 for a connection that is refused, %s", async (version, reason) => {
    const result = await pub("-t", "a", "-m", "x", "-u", "mallory", "-P", "x", "-V", version);
    expect(result).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: `dunlin: the broker refused the connection: ${reason}\n`,
    });
  });

  test("4 where nothing listens", async () => {
    const result = await runDunlin(["pub", "-h", "127.0.0.1", "-p", "1", "-t", "a", "-m", "x"]);
    expect(result.exitCode).toBe(4);
    expect(result.stderr).toBe(
      "dunlin: cannot connect to mqtt://127.0.0.1:1: nothing listens there; is the broker running?\n",
    );
  });

  test("4 where the connection is lost", async () => {
    await using subscriber = await startSub("-t", "lost", "-i", "to-be-thrown-out");
    broker.disconnect("to-be-thrown-out");
    expect(await subscriber.result()).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(
        /^dunlin: the broker closed the connection: Administrative action \(0x98\)/,
      ),
    });
  });

  test("4 where what answers is not MQTT, and --quiet says nothing", async () => {
    const server: Server = createServer((socket: Socket) =>
      socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${"x".repeat(100)}`),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address() as { port: number };
    const args = ["pub", "-h", "127.0.0.1", "-p", String(address.port), "-t", "a", "-m", "x"];
    expect(await runDunlin(args)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^dunlin: the answer is not MQTT: /),
    });
    expect(await runDunlin([...args, "--quiet"])).toEqual({ exitCode: 4, stdout: "", stderr: "" });
    server.close();
  });

  test("27 when the time is over, also before there is an answer", async () => {
    expect(await sub("-t", "silence", "-W", "0.1")).toEqual({ exitCode: 27, stdout: "", stderr: "" });
    const mute = createServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port: mutePort } = mute.address() as { port: number };
    const args = ["sub", "-h", "127.0.0.1", "-p", String(mutePort), "-t", "a", "-W", "0.1"];
    expect(await runDunlin(args)).toEqual({ exitCode: 27, stdout: "", stderr: "" });
    mute.close();
  });
});
