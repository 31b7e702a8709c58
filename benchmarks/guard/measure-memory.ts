import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type ControlPacket, encodePacket, StreamDecoder } from "@dunlin/protocol";

const CONNECTIONS = 1000;
const SESSIONS = 1000;
const SUBSCRIPTIONS = 10_000;
const FILTERS_PER_PACKET = 1000;
const RETAINED_MESSAGES = 10_000;
const RETAINED_BYTES = 64;
const AT_ONCE = 50;
const VERSION = 4;

const root = fileURLToPath(new URL("../..", import.meta.url));
const probe = fileURLToPath(new URL("./memory-probe.ts", import.meta.url));

/** Bytes of JavaScript memory in the broker's process for one more of each. */
export interface MemoryUse {
  readonly connection: number;
  readonly session: number;
  readonly subscription: number;
  readonly retained: number;
}

/** Starts a broker of its own for each figure, so that none profits from what another has left behind. */
export async function measureMemory(): Promise<MemoryUse> {
  return {
    connection: await bytesPer(CONNECTIONS, (port) => openConnections(port, "idle", true)),
    session: await bytesPer(SESSIONS, openSessions),
    subscription: await bytesPer(SUBSCRIPTIONS, subscribeOften),
    retained: await bytesPer(RETAINED_MESSAGES, retainMessages),
  };
}

/** `prepare` returns the connections to close at the end. */
async function bytesPer(
  count: number,
  prepare: (port: number) => Promise<readonly RawClient[]>,
): Promise<number> {
  const child = fork(probe, {
    cwd: root,
    execArgv: ["--expose-gc", "--conditions=x-source", "--import", "tsx"],
  });
  try {
    const [port] = (await once(child, "message")) as [number];
    // Code is compiled and tables are made before it counts.
    const warm = await openConnections(port, "warm", true, AT_ONCE);
    for (const client of warm) client.close();
    const before = await memoryOf(child);
    const clients = await prepare(port);
    const after = await memoryOf(child);
    for (const client of clients) client.close();
    return (after - before) / count;
  } finally {
    child.disconnect();
  }
}

async function memoryOf(child: ChildProcess): Promise<number> {
  const answered = once(child, "message");
  child.send("measure");
  return (await answered)[0] as number;
}

async function openConnections(
  port: number,
  prefix: string,
  cleanStart: boolean,
  count: number = CONNECTIONS,
): Promise<readonly RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const first = clients.length;
    const some = Array.from({ length: AT_ONCE }, (_, index) =>
      RawClient.connect(port, `${prefix}-${first + index}`, cleanStart),
    );
    clients.push(...(await Promise.all(some)));
  }
  return clients;
}

async function openSessions(port: number): Promise<readonly RawClient[]> {
  const clients = await openConnections(port, "away", false, SESSIONS);
  await Promise.all(clients.map((client, index) => client.subscribe([`home/${index}`])));
  await Promise.all(clients.map((client) => client.leave()));
  return [];
}

async function subscribeOften(port: number): Promise<readonly RawClient[]> {
  const client = await RawClient.connect(port, "subscriber", true);
  for (let first = 0; first < SUBSCRIPTIONS; first += FILTERS_PER_PACKET) {
    await client.subscribe(
      Array.from({ length: FILTERS_PER_PACKET }, (_, index) => `site/${first + index}/temperature`),
    );
  }
  return [client];
}

async function retainMessages(port: number): Promise<readonly RawClient[]> {
  const client = await RawClient.connect(port, "publisher", true);
  for (let index = 0; index < RETAINED_MESSAGES; index++) {
    client.send({
      type: "PUBLISH",
      topicName: `site/${index}/state`,
      payload: new Uint8Array(RETAINED_BYTES),
      qos: 0,
      retain: true,
      dup: false,
      properties: {},
    });
  }
  await client.exchange({ type: "PINGREQ" }, "PINGRESP");
  return [client];
}

class RawClient {
  readonly #socket: Socket;
  readonly #decoder = new StreamDecoder({ version: VERSION, sender: "server", maximumPacketSize: 65_536 });

  private constructor(socket: Socket) {
    this.#socket = socket;
    // The broker's process ends with its connections.
    socket.on("error", () => undefined);
  }

  static async connect(port: number, clientId: string, cleanStart: boolean): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const client = new RawClient(socket);
    const packet: ControlPacket = {
      type: "CONNECT",
      protocolVersion: VERSION,
      cleanStart,
      keepAliveSeconds: 600,
      clientId,
      properties: {},
    };
    await client.exchange(packet, "CONNACK");
    return client;
  }

  send(packet: ControlPacket): void {
    this.#socket.write(encodePacket(packet, VERSION));
  }

  async exchange(packet: ControlPacket, answer: ControlPacket["type"]): Promise<void> {
    this.send(packet);
    for (;;) {
      const [chunk] = (await once(this.#socket, "data")) as [Buffer];
      if (this.#decoder.push(chunk).some(({ type }) => type === answer)) return;
    }
  }

  subscribe(topicFilters: readonly string[]): Promise<void> {
    const subscriptions = topicFilters.map((topicFilter) => ({
      topicFilter,
      qos: 1 as const,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    }));
    return this.exchange({ type: "SUBSCRIBE", packetIdentifier: 1, subscriptions, properties: {} }, "SUBACK");
  }

  async leave(): Promise<void> {
    this.#socket.end(encodePacket({ type: "DISCONNECT", reasonCode: 0, properties: {} }, VERSION));
    this.#socket.resume();
    await once(this.#socket, "close");
  }

  close(): void {
    this.#socket.destroy();
  }
}
