import { type ChildProcessByStdio, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import type { QoS } from "@dunlin/protocol";
import type { ClientUnderTest, Message, MqttVersion, OpenClient } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";

const run = promisify(execFile);

const versionArguments: Record<MqttVersion, string> = {
  "3.1": "mqttv31",
  "3.1.1": "mqttv311",
  "5.0": "mqttv5",
};

/** Why mosquitto_pub and mosquitto_sub cannot run here; undefined where they can. stdbuf belongs to coreutils. */
export const missingMosquitto: string | undefined =
  spawnSync("mosquitto_sub", ["--help"]).error || spawnSync("stdbuf", ["--version"]).error
    ? "mosquitto-clients is not installed"
    : undefined;

export interface MosquittoMessage extends Message {
  /** As mosquitto_sub names them in its JSON. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Where to connect and how, for every Mosquitto program. */
export function connectionArguments(
  url: string,
  version: MqttVersion,
  clientId: string,
  caFile: string,
): string[] {
  const { hostname, port, protocol } = new URL(url);
  const tls = protocol === "mqtts:" ? ["--cafile", caFile] : [];
  return ["-h", hostname, "-p", port, "-V", versionArguments[version], "-i", clientId, ...tls];
}

/** Runs mosquitto_pub or mosquitto_rr to its end; rejects with what it said where it fails. */
export async function runMosquitto(
  program: "mosquitto_pub" | "mosquitto_rr",
  args: string[],
): Promise<string> {
  const { stdout } = await run(program, args, { timeout: 8000 });
  return stdout;
}

/** A mosquitto_sub that has subscribed. */
export class MosquittoSub {
  readonly inbox: Inbox<MosquittoMessage> = new Inbox();
  /** What it says about its packets (-d). */
  readonly log: string[] = [];
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #exited: Promise<unknown>;

  /** `args`: as for mosquitto_sub. */
  constructor(args: readonly string[]) {
    // Line by line: into a pipe it would hold back what it says about SUBACK.
    this.#child = spawn("stdbuf", ["-oL", "mosquitto_sub", "-d", "-F", "%j", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#exited = once(this.#child, "exit");
  }

  /** Resolves when all subscriptions are acknowledged. */
  async subscribed(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        if (line.startsWith("{")) this.inbox.push(parseMessage(line));
        else this.log.push(line);
        if (line.startsWith("Subscribed")) resolve();
      });
      this.#child.stderr.on("data", (text) => this.log.push(String(text)));
      this.#child.once("exit", (code) =>
        reject(new Error(`mosquitto_sub ended with ${code}:\n${this.log.join("\n")}`)),
      );
    });
  }

  /** SIGTERM: it says DISCONNECT. SIGKILL: it says nothing. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.#exited;
  }
}

/** mosquitto_sub for the subscriptions and a mosquitto_pub for each publish. */
export function mosquittoOpener(caFile: string): OpenClient {
  return async (options) => {
    const { url, version, clientId, persistent = false, will } = options;
    // It cannot do without a subscription.
    const { subscriptions = [{ topicFilter: "unused", qos: 0 }] } = options;
    const sub = new MosquittoSub([
      ...connectionArguments(url, version, clientId, caFile),
      ...(persistent ? ["-c"] : []),
      ...(will === undefined ? [] : willArguments(will)),
      ...subscriptions.flatMap(({ topicFilter, qos }) => ["-t", topicFilter, "-q", String(qos)]),
    ]);
    await sub.subscribed();
    return new MosquittoClient(sub, connectionArguments(url, version, `${clientId}-pub`, caFile));
  };
}

class MosquittoClient implements ClientUnderTest {
  readonly inbox: Inbox<MosquittoMessage>;
  readonly #sub: MosquittoSub;
  readonly #publishArguments: readonly string[];

  constructor(sub: MosquittoSub, publishArguments: readonly string[]) {
    this.inbox = sub.inbox;
    this.#sub = sub;
    this.#publishArguments = publishArguments;
  }

  async publish({ topic, payload, qos, retain }: Message): Promise<void> {
    const message = ["-t", topic, "-m", payload, "-q", String(qos), ...(retain ? ["-r"] : [])];
    await runMosquitto("mosquitto_pub", [...this.#publishArguments, ...message]);
  }

  async end(): Promise<void> {
    await this.#sub.end("SIGTERM");
  }

  async cut(): Promise<void> {
    await this.#sub.end("SIGKILL");
  }
}

function willArguments({ topic, payload, qos, retain }: Message): string[] {
  const will = ["--will-topic", topic, "--will-payload", payload, "--will-qos", String(qos)];
  return retain ? [...will, "--will-retain"] : will;
}

function parseMessage(line: string): MosquittoMessage {
  const { topic, payload = "", qos, retain, properties = {} } = JSON.parse(line);
  return { topic, payload: payload ?? "", qos: qos as QoS, retain: retain === 1, properties };
}
