import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { QoS } from "@dunlin/protocol";
import type { ClientUnderTest, Message, MqttVersion, OpenClient } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";

/** The system's Python: Debian's package is not seen by others. */
const python = "/usr/bin/python3";
const driver = fileURLToPath(new URL("paho_client.py", import.meta.url));

/** Why Eclipse Paho for Python cannot run here; undefined where it can. */
export const missingPahoPython: string | undefined =
  spawnSync(python, ["-c", "import paho.mqtt.client"]).status === 0
    ? undefined
    : "python3-paho-mqtt is not installed";

/** Named as Paho names them, e.g. `{ ResponseTopic: "a", UserProperty: [["name", "value"]] }`. */
export type PahoProperties = Readonly<Record<string, unknown>>;

export interface PahoMessage extends Message {
  readonly properties: PahoProperties;
}

export interface PahoConnectOptions {
  readonly url: string;
  readonly version: MqttVersion;
  readonly clientId: string;
  readonly cleanStart: boolean;
  readonly caFile: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly will?: (Message & { readonly properties?: PahoProperties }) | undefined;
  readonly properties?: PahoProperties;
}

export interface PahoPublish {
  readonly topic: string;
  readonly payloads: readonly string[];
  readonly qos: QoS;
  readonly retain?: boolean;
  readonly properties?: PahoProperties;
  /** For the acknowledgements. Default true. */
  readonly wait?: boolean;
}

interface Connected {
  readonly sessionPresent: boolean;
  readonly reasonCode: number;
  readonly properties: PahoProperties;
}

/** A Python process with one Paho client, told what to do by lines of JSON. */
export class PahoPython implements ClientUnderTest {
  readonly inbox: Inbox<PahoMessage> = new Inbox();
  /** Reason Codes of the connections that ended. */
  readonly disconnects: Inbox<number> = new Inbox();
  readonly #results: Inbox<{ result?: unknown; error?: string }> = new Inbox();
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #exited: Promise<unknown>;

  constructor() {
    this.#child = spawn(python, [driver], { stdio: ["pipe", "pipe", "inherit"] });
    this.#exited = once(this.#child, "exit");
    createInterface({ input: this.#child.stdout }).on("line", (text) => {
      const line = JSON.parse(text);
      if ("message" in line) this.inbox.push(decodePayload(line.message));
      else if ("disconnected" in line) this.disconnects.push(line.disconnected);
      else this.#results.push(line);
    });
  }

  /** The first time, or again with what is in flight. */
  connect({ url, ...options }: PahoConnectOptions): Promise<Connected> {
    const { hostname: host, port, protocol } = new URL(url);
    const place = { host, port: Number(port), protocol: protocol.slice(0, -1) };
    return this.#do("connect", { ...place, ...options }) as Promise<Connected>;
  }

  async subscribe(
    topicFilter: string,
    qos: QoS,
    options: object = {},
    properties: PahoProperties = {},
  ): Promise<number[]> {
    const result = await this.#do("subscribe", { topicFilter, qos, options, properties });
    return (result as { reasonCodes: number[] }).reasonCodes;
  }

  async unsubscribe(topicFilter: string): Promise<number[]> {
    const result = await this.#do("unsubscribe", { topicFilter });
    return (result as { reasonCodes: number[] }).reasonCodes;
  }

  async publishAll(publish: PahoPublish): Promise<void> {
    await this.#do("publish", { retain: false, wait: true, ...publish });
  }

  async publish({ payload, ...message }: Message): Promise<void> {
    await this.publishAll({ ...message, payloads: [payload] });
  }

  async end(reasonCode?: number, properties: PahoProperties = {}): Promise<void> {
    await this.#do("disconnect", { reasonCode, properties });
    await this.cut();
  }

  async cut(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async #do(what: string, parameters: object): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify({ do: what, ...parameters })}\n`);
    const { result, error } = await this.#results.next();
    if (error !== undefined) throw new Error(`Paho could not ${what}: ${error}`);
    return result;
  }
}

export function pahoPythonOpener(caFile: string): OpenClient {
  return async ({ url, version, clientId, persistent = false, will, subscriptions = [] }) => {
    const client = new PahoPython();
    const { sessionPresent } = await client.connect({
      url,
      version,
      clientId,
      cleanStart: !persistent,
      caFile,
      will,
      ...(persistent && version === "5.0" && { properties: { SessionExpiryInterval: 0xffffffff } }),
    });
    if (sessionPresent) return client;
    for (const { topicFilter, qos } of subscriptions) await client.subscribe(topicFilter, qos);
    return client;
  };
}

function decodePayload(message: PahoMessage): PahoMessage {
  return { ...message, payload: Buffer.from(message.payload, "base64").toString() };
}
