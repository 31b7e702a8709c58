import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { type ConnectPacket, type ControlPacket, encodePacket, StreamDecoder } from "@dunlin/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { connect } from "./connect.ts";
import type { MqttClient } from "./mqtt-client.ts";

/** The broker's side of one connection, in the hands of the test: what no real broker would do on request. */
class Peer {
  readonly socket: Socket;
  private readonly received: ControlPacket[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const decoder = new StreamDecoder({ version: 5, sender: "client", maximumPacketSize: 1_000_000 });
    socket.on("data", (chunk) => {
      this.received.push(...decoder.push(chunk));
      socket.emit("packets");
    });
    socket.on("error", () => undefined);
  }

  send(...packets: ControlPacket[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => encodePacket(packet, 5))));
  }

  async next(): Promise<ControlPacket> {
    while (this.received.length === 0) await once(this.socket, "packets");
    return this.received.shift()!;
  }
}

const connectPacket: ConnectPacket = {
  type: "CONNECT",
  protocolVersion: 5,
  cleanStart: true,
  keepAliveSeconds: 0,
  clientId: "test",
  properties: {},
};

const connack = { type: "CONNACK", sessionPresent: false, reasonCode: 0, properties: {} } as const;
const publish = {
  type: "PUBLISH",
  topicName: "t",
  payload: Buffer.from("x"),
  qos: 0,
  retain: false,
  dup: false,
  properties: {},
} as const;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** What the peer answers goes out in one write with CONNACK. */
async function pair(
  packet: Partial<ConnectPacket> = {},
  ...answer: [ControlPacket, ...ControlPacket[]] | []
): Promise<{ client: MqttClient; peer: Peer }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection").then(async ([socket]) => {
    const peer = new Peer(socket);
    await peer.next();
    peer.send(...(answer.length === 0 ? [connack] : answer));
    return peer;
  });
  const { port } = server.address() as { port: number };
  const url = new URL(`mqtt://127.0.0.1:${port}`);
  cleanups.push(() => server.close());
  const client = await connect({
    address: { url, tls: { checkHostName: true } },
    packet: { ...connectPacket, ...packet },
  });
  const peer = await accepted;
  cleanups.push(() => peer.socket.destroy());
  return { client, peer };
}

const never = new AbortController().signal;

describe("receiving", () => {
  test("what comes in one piece with CONNACK is not lost", async () => {
    const { client } = await pair({}, connack, publish);
    const { value } = await client.messages(never).next();
    expect(value).toMatchObject({ topicName: "t" });
  });

  test("QoS 2 that is repeated before PUBREL is one message, acknowledged twice", async () => {
    const { client, peer } = await pair();
    const first = { ...publish, qos: 2, packetIdentifier: 5 } as const;
    peer.send(first, { ...first, dup: true });
    const messages = client.messages(never);
    await messages.next();
    expect([await peer.next(), await peer.next()]).toMatchObject([{ type: "PUBREC" }, { type: "PUBREC" }]);
    peer.send({ type: "PUBREL", packetIdentifier: 5, reasonCode: 0, properties: {} });
    expect(await peer.next()).toMatchObject({ type: "PUBCOMP", packetIdentifier: 5 });
    peer.send({ ...first, payload: Buffer.from("y") });
    expect((await messages.next()).value).toMatchObject({ payload: Uint8Array.of(0x79) });
  });

  test("a message is acknowledged as it is taken, not before", async () => {
    const { client, peer } = await pair();
    peer.send({ ...publish, qos: 1, packetIdentifier: 1 }, { ...publish, qos: 1, packetIdentifier: 2 });
    await client.messages(never).next();
    await client.disconnect();
    expect([await peer.next(), await peer.next()]).toMatchObject([
      { type: "PUBACK", packetIdentifier: 1 },
      { type: "DISCONNECT", reasonCode: 0 },
    ]);
  });

  test("a Topic Alias stands for the topic that came with it", async () => {
    const { client, peer } = await pair({ properties: { topicAliasMaximum: 1 } });
    peer.send({ ...publish, topicName: "long/name", properties: { topicAlias: 1 } });
    peer.send({ ...publish, topicName: "", properties: { topicAlias: 1 } });
    const messages = client.messages(never);
    await messages.next();
    expect((await messages.next()).value).toMatchObject({ topicName: "long/name" });
  });

  test("a lost connection ends the messages with an error, after those that came", async () => {
    const { client, peer } = await pair();
    peer.send(publish);
    const messages = client.messages(never);
    await messages.next();
    peer.socket.destroy();
    await expect(messages.next()).rejects.toThrow(/connection/);
  });

  test("bytes that are not MQTT end the connection", async () => {
    const { client, peer } = await pair();
    peer.socket.write(Buffer.from("ff00", "hex"));
    await expect(client.messages(never).next()).rejects.toThrow("the broker broke the protocol");
  });
});

describe("publishing", () => {
  test("no more than the broker's Receive Maximum is under way", async () => {
    const { client, peer } = await pair({}, { ...connack, properties: { receiveMaximum: 2 } });
    const results = [1, 2, 3].map(() => client.publish({ ...publish, qos: 1 }));
    const [first, second] = [await peer.next(), await peer.next()] as { packetIdentifier: number }[];
    expect(first!.packetIdentifier).not.toBe(second!.packetIdentifier);
    peer.send({
      type: "PUBACK",
      packetIdentifier: second!.packetIdentifier,
      reasonCode: 0x10,
      properties: {},
    });
    expect(await results[1]).toMatchObject({ reasonCode: 0x10 });
    expect(await peer.next()).toMatchObject({ type: "PUBLISH" });
    peer.socket.destroy();
    await expect(results[0]).rejects.toThrow();
    await expect(results[2]).rejects.toThrow();
  });

  test("a PUBREC that refuses ends the exchange", async () => {
    const { client, peer } = await pair();
    const result = client.publish({ ...publish, qos: 2 });
    const { packetIdentifier } = (await peer.next()) as { packetIdentifier: number };
    peer.send({ type: "PUBREC", packetIdentifier, reasonCode: 0x97, properties: { reasonString: "full" } });
    expect(await result).toEqual({ reasonCode: 0x97, reasonString: "full" });
  });

  test("what is larger than the broker accepts does not leave", async () => {
    const { client } = await pair({}, { ...connack, properties: { maximumPacketSize: 20 } });
    await expect(client.publish({ ...publish, payload: Buffer.alloc(50) })).rejects.toThrow(
      "larger than the broker accepts (20 bytes)",
    );
  });
});

test("a broker that does not answer PINGREQ is given up", async () => {
  const { client, peer } = await pair({}, { ...connack, properties: { serverKeepAliveSeconds: 1 } });
  const lost = expect(client.messages(never).next()).rejects.toThrow("does not answer any more");
  expect(await peer.next()).toMatchObject({ type: "PINGREQ" });
  await lost;
});
