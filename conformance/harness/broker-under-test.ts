import { once } from "node:events";
import { connect as openSocket } from "node:net";
import { afterAll, beforeAll } from "vitest";
import { startBrokerProcess } from "./broker-process.ts";
import { RawClient } from "./raw-client.ts";
import type { ServerPacket } from "./wire-reader.ts";
import { type ConnectFields, connect } from "./wire-writer.ts";

/** A running broker, however it was started. */
export interface RunningBroker {
  readonly port: number;
  stop(): Promise<void>;
}

export interface ConnectedClient {
  client: RawClient;
  connack: ServerPacket;
}

/** The broker that a test file talks to, and names that no two of its tests share. */
export class BrokerUnderTest {
  readonly #start: () => Promise<RunningBroker>;
  #running: RunningBroker | undefined;
  readonly #clients: RawClient[] = [];
  #names = 0;

  constructor(start: () => Promise<RunningBroker>) {
    this.#start = start;
  }

  async start(): Promise<void> {
    this.#running = await this.#start();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.drop();
    await this.#running?.stop();
    this.#running = undefined;
  }

  get port(): number {
    if (this.#running === undefined) throw new Error("the broker has not been started");
    return this.#running.port;
  }

  /** A topic, Client Identifier or share name that nothing else in this file uses. */
  name(stem: string = "t"): string {
    this.#names += 1;
    return `${stem}${this.#names}`;
  }

  /** A network connection on which nothing has been sent. */
  async open(version: number = 5): Promise<RawClient> {
    const socket = openSocket({ port: this.port, host: "127.0.0.1" });
    await once(socket, "connect");
    socket.setNoDelay(true);
    const client = new RawClient(socket, version);
    this.#clients.push(client);
    return client;
  }

  /** Connects with a Client Identifier of its own unless one is given, and expects to be accepted. */
  async connectFully(fields: ConnectFields = {}): Promise<ConnectedClient> {
    const client = await this.open(fields.version);
    client.send(connect({ clientId: this.name("client"), ...fields }));
    const connack = await client.expect("CONNACK");
    if (connack.reasonCode !== 0)
      throw new Error(`CONNACK refuses with 0x${connack.reasonCode.toString(16)}`);
    return { client, connack };
  }

  async connect(fields: ConnectFields = {}): Promise<RawClient> {
    return (await this.connectFully(fields)).client;
  }
}

/** One broker for all tests of the enclosing file or `describe`. */
export function useBroker(start: () => Promise<RunningBroker> = startBrokerProcess): BrokerUnderTest {
  const broker = new BrokerUnderTest(start);
  beforeAll(() => broker.start());
  afterAll(() => broker.stop());
  return broker;
}
