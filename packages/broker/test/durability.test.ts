import type { ConnectPacket, ControlPacket } from "@dunlin/protocol";
import { type MemoryClient, messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test } from "vitest";

const PERSISTENT = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 3600 } };
const SUCCESS = { reasonCode: 0, properties: {} } as const;

interface Question {
  readonly client: MemoryClient;
  readonly packet: ControlPacket;
}

/** What an answer promises: it is not sent before that is stored, and holds after a crash right behind it. */
interface Promised {
  readonly answer: ControlPacket["type"];
  ask(virtual: VirtualBroker): Promise<Question>;
  holds(virtual: VirtualBroker): Promise<void>;
}

async function back(virtual: VirtualBroker, clientId: string): Promise<MemoryClient> {
  const client = virtual.open();
  client.acknowledges = false;
  virtual.connack = await client.connect({ clientId, ...PERSISTENT });
  return client;
}

/** Subscribed to "t", and away. */
async function subscriberAway(virtual: VirtualBroker): Promise<void> {
  const client = await virtual.connect("to", PERSISTENT);
  await client.subscribe("t", 2);
  await client.disconnect();
}

async function subscriberSees(virtual: VirtualBroker, messages: readonly string[]): Promise<void> {
  expect(messagesOf((await back(virtual, "to")).take())).toEqual(messages);
}

async function retainedSeen(virtual: VirtualBroker): Promise<string[]> {
  const client = await virtual.connect("reader");
  await client.subscribe("r");
  return messagesOf(client.take());
}

function connecting(virtual: VirtualBroker, fields: Partial<Omit<ConnectPacket, "type">>): Question {
  const defaults = { protocolVersion: 5, keepAliveSeconds: 0, clientId: "c", ...PERSISTENT } as const;
  return { client: virtual.open(), packet: { type: "CONNECT", ...defaults, ...fields } };
}

/** The first half of a QoS 2 message to a subscriber has come. */
async function receivedHalf(virtual: VirtualBroker): Promise<{ client: MemoryClient; identifier: number }> {
  await subscriberAway(virtual);
  await virtual.broker.publish({ topicName: "t", payload: "1", qos: 2 });
  const client = await back(virtual, "to");
  return { client, identifier: client.takeOnly("PUBLISH")[0]?.packetIdentifier ?? 0 };
}

const promises: Readonly<Record<string, Promised>> = {
  "a message of QoS 1": {
    answer: "PUBACK",
    async ask(virtual) {
      await subscriberAway(virtual);
      const client = await virtual.connect("from");
      return { client, packet: client.message("t", "1", { qos: 1 }) };
    },
    holds: (virtual) => subscriberSees(virtual, ["t=1"]),
  },
  "a message of QoS 2, and its Packet Identifier": {
    answer: "PUBREC",
    async ask(virtual) {
      await subscriberAway(virtual);
      const client = await back(virtual, "from");
      return { client, packet: client.message("t", "1", { qos: 2, packetIdentifier: 7 }) };
    },
    async holds(virtual) {
      const client = await back(virtual, "from");
      await client.publish("t", "1", { qos: 2, packetIdentifier: 7, dup: true });
      await subscriberSees(virtual, ["t=1"]);
    },
  },
  "that a Packet Identifier is free again": {
    answer: "PUBCOMP",
    async ask(virtual) {
      await subscriberAway(virtual);
      const client = await back(virtual, "from");
      await client.publish("t", "1", { qos: 2, packetIdentifier: 7 });
      return { client, packet: { type: "PUBREL", packetIdentifier: 7, ...SUCCESS } };
    },
    async holds(virtual) {
      const client = await back(virtual, "from");
      await client.publish("t", "2", { qos: 2, packetIdentifier: 7 });
      await subscriberSees(virtual, ["t=1", "t=2"]);
    },
  },
  "that a message of QoS 2 has been received": {
    answer: "PUBREL",
    async ask(virtual) {
      const { client, identifier } = await receivedHalf(virtual);
      return { client, packet: { type: "PUBREC", packetIdentifier: identifier, ...SUCCESS } };
    },
    async holds(virtual) {
      expect((await back(virtual, "to")).take().map(({ type }) => type)).toEqual(["PUBREL"]);
    },
  },
  "a subscription": {
    answer: "SUBACK",
    async ask(virtual) {
      const client = await virtual.connect("to", PERSISTENT);
      const flags = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      const subscriptions = [{ topicFilter: "t", qos: 1, ...flags }] as const;
      return { client, packet: { type: "SUBSCRIBE", packetIdentifier: 1, subscriptions, properties: {} } };
    },
    async holds(virtual) {
      await virtual.broker.publish({ topicName: "t", payload: "1", qos: 1 });
      await subscriberSees(virtual, ["t=1"]);
    },
  },
  "that there is no subscription": {
    answer: "UNSUBACK",
    async ask(virtual) {
      await subscriberAway(virtual);
      const client = await back(virtual, "to");
      const packet = {
        type: "UNSUBSCRIBE",
        packetIdentifier: 1,
        topicFilters: ["t"],
        properties: {},
      } as const;
      return { client, packet };
    },
    async holds(virtual) {
      await virtual.broker.publish({ topicName: "t", payload: "1", qos: 1 });
      await subscriberSees(virtual, []);
    },
  },
  "a retained message": {
    answer: "PUBACK",
    async ask(virtual) {
      const client = await virtual.connect("from");
      return { client, packet: client.message("r", "kept", { qos: 1, retain: true }) };
    },
    holds: async (virtual) => expect(await retainedSeen(virtual)).toEqual(["r=kept"]),
  },
  "that no message is retained": {
    answer: "PUBACK",
    async ask(virtual) {
      await virtual.broker.publish({ topicName: "r", payload: "old", retain: true });
      const client = await virtual.connect("from");
      await client.publish("r", "old", { qos: 1, retain: true });
      return { client, packet: client.message("r", "", { qos: 1, retain: true }) };
    },
    holds: async (virtual) => expect(await retainedSeen(virtual)).toEqual([]),
  },
  "a new session": {
    answer: "CONNACK",
    ask: async (virtual) => connecting(virtual, {}),
    async holds(virtual) {
      await back(virtual, "c");
      expect(virtual.connack?.sessionPresent).toBe(true);
    },
  },
  "the expiry that a session has from now on": {
    answer: "CONNACK",
    async ask(virtual) {
      await (await virtual.connect("c", PERSISTENT)).disconnect();
      return connecting(virtual, { properties: { sessionExpiryIntervalSeconds: 60 } });
    },
    async holds(virtual) {
      await virtual.advance(61_000);
      await back(virtual, "c");
      expect(virtual.connack?.sessionPresent).toBe(false);
    },
  },
  "a session that is taken over": {
    answer: "CONNACK",
    async ask(virtual) {
      await (await virtual.connect("to", PERSISTENT)).subscribe("t", 1);
      return connecting(virtual, { clientId: "to" });
    },
    async holds(virtual) {
      await virtual.broker.publish({ topicName: "t", payload: "1", qos: 1 });
      await subscriberSees(virtual, ["t=1"]);
      expect(virtual.connack?.sessionPresent).toBe(true);
    },
  },
  "that an earlier session has ended": {
    answer: "CONNACK",
    async ask(virtual) {
      await subscriberAway(virtual);
      return connecting(virtual, { clientId: "to", cleanStart: true });
    },
    async holds(virtual) {
      await virtual.broker.publish({ topicName: "t", payload: "1", qos: 1 });
      await subscriberSees(virtual, []);
    },
  },
  "that an earlier session has ended, though the new one is not stored": {
    answer: "CONNACK",
    async ask(virtual) {
      await subscriberAway(virtual);
      return connecting(virtual, { clientId: "to", cleanStart: true, properties: {} });
    },
    async holds(virtual) {
      await back(virtual, "to");
      expect(virtual.connack?.sessionPresent).toBe(false);
    },
  },
  "a will": {
    answer: "CONNACK",
    async ask(virtual) {
      await subscriberAway(virtual);
      const payload = Buffer.from("will");
      return connecting(virtual, {
        will: { topicName: "t", payload, qos: 1, retain: false, properties: {} },
      });
    },
    holds: (virtual) => subscriberSees(virtual, ["t=will"]),
  },
};

test.each(Object.entries(promises))("%s is stored before it is promised", async (_what, promised) => {
  const virtual = await VirtualBroker.start();
  const { client, packet } = await promised.ask(virtual);
  client.take();
  client.acknowledges = false;
  // Nothing of what led here is left to be stored.
  await virtual.advance(300);
  virtual.store.wait();
  client.send(packet);
  await settled();
  expect(client.take().map(({ type }) => type)).not.toContain(promised.answer);
  virtual.store.work();
  await settled();
  expect(client.take().map(({ type }) => type)).toContain(promised.answer);
  await virtual.crash();
  await promised.holds(virtual);
});

test("a message goes to a stored session only once it is stored: after a crash it comes under the same identifier", async () => {
  const virtual = await VirtualBroker.start();
  const to = await virtual.connect("to", PERSISTENT);
  to.acknowledges = false;
  await to.subscribe("t", 1);
  virtual.store.wait();
  const from = await virtual.connect("from");
  await from.publish("t", "1", { qos: 1 });
  expect(to.take()).toEqual([]);
  virtual.store.work();
  await settled();
  const [sent] = to.takeOnly("PUBLISH");
  await virtual.crash();
  const again = (await back(virtual, "to")).takeOnly("PUBLISH");
  expect(again).toMatchObject([
    { packetIdentifier: sent?.packetIdentifier, dup: true, payload: sent?.payload },
  ]);
});
