import type { InterceptedMessage, InterceptionResult } from "@dunlin/broker";
import { encodePacket, type PublishPacket } from "@dunlin/protocol";
import { settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

/*
 * What is received lies in memory that is used again when the turn of the event loop has ended. Whoever needs it for
 * longer must have said so: here everyone does, while enough goes through to fill that memory many times over.
 */

const ROUNDS = 60;
const PUBLISHERS = 8;
/** Over a slab's size in sum, in every round. */
const SIZES = [10, 700, 9_000, 17_000, 70_000];

/** Tells the message, and differs from every other's in most bytes. */
function payloadOf(publisher: number, round: number): Buffer {
  const size = SIZES[(publisher + round) % SIZES.length]!;
  const payload = Buffer.alloc(size, `${publisher}:${round} `);
  payload.writeUInt16BE(publisher, 0);
  payload.writeUInt16BE(round, 2);
  return payload;
}

function expectIntact(payload: Uint8Array): string {
  const bytes = Buffer.from(payload);
  const [publisher, round] = [bytes.readUInt16BE(0), bytes.readUInt16BE(2)];
  expect(bytes.equals(payloadOf(publisher, round))).toBe(true);
  return `${publisher}:${round}`;
}

/** Every publisher sends its message of the round, cut into pieces that the others' lie between. */
async function publishRound(
  publishers: Awaited<ReturnType<VirtualBroker["connect"]>>[],
  round: number,
): Promise<void> {
  for (const [index, publisher] of publishers.entries()) {
    const qos = ((index + round) % 3) as 0 | 1 | 2;
    publisher.send({
      type: "PUBLISH",
      topicName: `t/${index}`,
      payload: payloadOf(index, round),
      qos,
      retain: false,
      dup: false,
      packetIdentifier: qos === 0 ? undefined : round + 1,
      properties: { correlationData: payloadOf(index, round).subarray(0, 300) },
    });
  }
  await settled();
}

async function publishers(virtual: VirtualBroker): Promise<Awaited<ReturnType<VirtualBroker["connect"]>>[]> {
  const all = [];
  for (let index = 0; index < PUBLISHERS; index++) {
    all.push(await virtual.connect(`p${index}`, { stream: { chunkSizes: [5000, 60_000, 333] } }));
  }
  return all;
}

test("messages reach fast and slow readers of every QoS unchanged", async () => {
  const virtual = await VirtualBroker.start();
  const subscribers = [];
  for (const qos of [0, 1, 2] as const) {
    for (const windowBytes of [1_000_000_000, 20_000]) {
      const subscriber = await virtual.connect(`s${qos}-${windowBytes}`, { stream: { windowBytes } });
      await subscriber.subscribe("t/#", qos);
      subscribers.push(subscriber);
    }
  }
  const senders = await publishers(virtual);
  const received = subscribers.map(() => new Set<string>());
  for (let round = 0; round < ROUNDS; round++) {
    await publishRound(senders, round);
    subscribers.forEach((subscriber, index) => {
      for (const packet of subscriber.take()) {
        if (packet.type === "PUBLISH") received[index]!.add(expectIntact(packet.payload));
      }
    });
  }
  expect(received.map(({ size }) => size)).toEqual(received.map(() => ROUNDS * PUBLISHERS));
  await virtual.stop();
});

const pass = (): InterceptionResult => ({ action: "pass" });
const late = async (): Promise<boolean> => settled().then(() => true);

test.each([
  ["an authorizer that takes its time", { authorizer: { authorize: late } }],
  ["an interceptor", {}],
] as const)("%s and a local subscriber may keep what they got", async (_who, gate) => {
  const kept: Pick<PublishPacket, "payload" | "properties">[] = [];
  const keep = (message: InterceptedMessage): InterceptionResult => {
    kept.push(message);
    return pass();
  };
  const virtual = await VirtualBroker.start({ ...gate, publishInterceptors: [{ intercept: keep }] });
  virtual.broker.subscribe("t/#", (message) => void kept.push(message));
  const senders = await publishers(virtual);
  for (let round = 0; round < ROUNDS; round++) await publishRound(senders, round);
  await virtual.advance(1000);
  expect(kept.length).toBe(2 * ROUNDS * PUBLISHERS);
  for (const { payload, properties } of kept) {
    expectIntact(payload);
    const { correlationData } = properties;
    expect(correlationData).toEqual(payload.subarray(0, correlationData!.length));
  }
  await virtual.stop();
});

test("what a client sends right behind its CONNECT waits unchanged until it is accepted", async () => {
  let accept = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    accept = resolve;
  });
  const virtual = await VirtualBroker.start({
    authenticator: {
      authenticate: ({ clientId }) =>
        clientId === "early" ? asked.then(() => ({ accepted: true })) : { accepted: true },
    },
  });
  const subscriber = await virtual.connect("s");
  await subscriber.subscribe("early", 0);
  const senders = await publishers(virtual);
  // The memory that SUBSCRIBE was in stays as it is: this uses it up.
  for (let round = 0; round < SIZES.length; round++) await publishRound(senders, round);
  const early = virtual.open(4);
  const properties = {};
  early.sendBytes(
    Buffer.concat([
      encodePacket(
        {
          type: "CONNECT",
          protocolVersion: 4,
          clientId: "early",
          cleanStart: true,
          keepAliveSeconds: 0,
          properties,
        },
        4,
      ),
      encodePacket(
        {
          type: "PUBLISH",
          topicName: "early",
          payload: payloadOf(1, 1),
          qos: 0,
          retain: false,
          dup: false,
          properties,
        },
        4,
      ),
    ]),
  );
  for (let round = 0; round < SIZES.length; round++) await publishRound(senders, round);
  accept();
  await settled();
  const [message] = subscriber.take();
  expect(message?.type === "PUBLISH" && expectIntact(message.payload)).toBe("1:1");
  await virtual.stop();
});
