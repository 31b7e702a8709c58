import { encodePacket } from "@dunlin/protocol";
import { messagesOf, settled, type VirtualBroker } from "@dunlin/test-kit";
import type { BrokerLimits, ConnectionLimits } from "../src/index.ts";
import { disconnectCode, type LimitCase, silentSubscriber } from "./connection-limit-cases.ts";

/** What one read of a socket takes at most. */
const READ_BYTES = 1000;
const PERSISTENT = { properties: { sessionExpiryIntervalSeconds: 3600 } };

/** Subscribes and publishes with a topic; what comes back. */
async function use(virtual: VirtualBroker, topic: string): Promise<unknown> {
  const client = await virtual.connect("c");
  const { reasonCodes } = await client.subscribe(topic);
  client.send(client.message(topic));
  await settled();
  return [...reasonCodes, disconnectCode(client)];
}

/** How many of `count` messages a subscriber gets that was away, and one that acknowledges late. */
async function queued(virtual: VirtualBroker, count: number): Promise<unknown> {
  const away = await silentSubscriber(virtual, "away", PERSISTENT);
  await away.disconnect();
  const late = await silentSubscriber(virtual, "late", { properties: { receiveMaximum: 1 } });
  for (let index = 0; index < count; index++) {
    await virtual.broker.publish({ topicName: "t", payload: String(index).repeat(30), qos: 1 });
  }
  const back = await virtual.connect("away", { ...PERSISTENT, cleanStart: false });
  await settled();
  const first = late.takeOnly("PUBLISH");
  late.acknowledges = true;
  const packetIdentifier = first[0]?.packetIdentifier ?? 0;
  const rest = await late.exchange({ type: "PUBACK", packetIdentifier, reasonCode: 0, properties: {} });
  return [messagesOf(back.take()).length, first.length + messagesOf(rest).length];
}

async function retain(virtual: VirtualBroker, topicNames: readonly string[]): Promise<unknown> {
  const client = await virtual.connect("c");
  const codes: unknown[] = [];
  for (const topicName of topicNames) {
    client.send(client.message(topicName, "x".repeat(20), { qos: 1, retain: true }));
    await settled();
    codes.push(client.takeOnly("PUBACK")[0]?.reasonCode);
  }
  return codes;
}

/** Of `count` messages that a client sends at once, how many are dealt with before that of another, sent just after. */
async function ahead(virtual: VirtualBroker, count: number, msEach = 0): Promise<unknown> {
  const topicNames: string[] = [];
  virtual.broker.subscribe("#", ({ topicName }) => {
    topicNames.push(topicName);
    virtual.clock.advance(msEach);
  });
  const flooder = await virtual.connect("flooder", { stream: { chunkSizes: [READ_BYTES] } });
  const other = await virtual.connect("other");
  const packet = encodePacket(flooder.message("flood"), 5);
  flooder.sendBytes(Buffer.concat(Array(count).fill(packet)));
  other.send(other.message("other"));
  await settled();
  // Nothing is lost by it.
  return [topicNames.indexOf("other"), topicNames.length];
}

export const brokerLimitCases: {
  readonly [Limit in Exclude<keyof BrokerLimits, keyof ConnectionLimits>]: LimitCase;
} = {
  maximumSessions: {
    limit: 1,
    scenario: async (virtual) => {
      await (await virtual.connect("away", PERSISTENT)).disconnect();
      await virtual.connect("another");
      const another = virtual.connack?.reasonCode;
      await virtual.connect("away", PERSISTENT);
      return [another, virtual.connack?.reasonCode];
    },
    limited: [0x97, 0],
    free: [0, 0],
  },
  maximumSessionExpiryIntervalSeconds: {
    limit: 60,
    scenario: async (virtual) => {
      await virtual.connect("c", PERSISTENT);
      return virtual.connack?.properties.sessionExpiryIntervalSeconds;
    },
    limited: 60,
    free: undefined,
  },
  maximumSessionStateBytes: {
    limit: 1024,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      const first = await client.subscribe("x".repeat(1100));
      const { reasonCodes } = await client.subscribe(["y", "x".repeat(1100)]);
      await virtual.connect("new");
      return [...first.reasonCodes, ...reasonCodes, virtual.connack?.reasonCode];
    },
    limited: [0, 0x97, 0, 0x97],
    free: [0, 0, 0, 0],
  },
  maximumTopicLength: {
    limit: 64,
    scenario: (virtual) => use(virtual, `/${"ö".repeat(32)}`),
    limited: [0x8f, 0x90],
    free: [0, undefined],
  },
  maximumTopicLevels: {
    limit: 8,
    scenario: (virtual) => use(virtual, "1/2/3/4/5/6/7/8/9"),
    limited: [0x8f, 0x90],
    free: [0, undefined],
  },
  maximumSubscriptionsPerSession: {
    limit: 2,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      const { reasonCodes } = await client.subscribe(["a", "b", "c"]);
      // One that is there already may be replaced.
      const again = await client.subscribe("a", 1);
      return [...reasonCodes, ...again.reasonCodes];
    },
    limited: [0, 0, 0x97, 1],
    free: [0, 0, 0, 1],
  },
  maximumQueuedMessages: {
    limit: 2,
    scenario: (virtual) => queued(virtual, 5),
    // The one that acknowledges late has one in flight beside the two that wait.
    limited: [2, 3],
    free: [5, 5],
  },
  maximumQueuedBytes: {
    limit: 60,
    scenario: (virtual) => queued(virtual, 5),
    limited: [2, 3],
    free: [5, 5],
  },
  maximumInboundQoS2: {
    limit: 2,
    scenario: async (virtual) => {
      const client = await virtual.connect("c", { protocolVersion: 4 });
      client.acknowledges = false;
      for (let count = 0; count < 3; count++) client.send(client.message("t", "", { qos: 2 }));
      await settled();
      return client.state;
    },
    limited: "closed",
    free: "open",
  },
  maximumRetainedMessages: {
    limit: 1,
    scenario: (virtual) => retain(virtual, ["a", "b", "a"]),
    limited: [0x10, 0x97, 0x10],
    free: [0x10, 0x10, 0x10],
  },
  maximumRetainedBytes: {
    limit: 40,
    scenario: (virtual) => retain(virtual, ["a", "b", "a"]),
    limited: [0x10, 0x97, 0x10],
    free: [0x10, 0x10, 0x10],
  },
  maximumCachedTopics: {
    limit: 2,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      await client.subscribe("#");
      for (const topicName of "abcabc") await virtual.broker.publish({ topicName, payload: "" });
      await settled();
      // It costs time, and nothing else.
      return messagesOf(client.take()).join("");
    },
    limited: "a=b=c=a=b=c=",
    free: "a=b=c=a=b=c=",
  },
  memoryBudgetBytes: {
    limit: 500,
    scenario: async (virtual) => {
      const late = await silentSubscriber(virtual, "late", { properties: { receiveMaximum: 1 } });
      for (let count = 0; count < 10; count++) {
        await virtual.broker.publish({ topicName: "t", payload: "x".repeat(100), qos: 1 });
      }
      const newcomer = virtual.open();
      await settled();
      return [newcomer.state, late.state];
    },
    limited: ["closed", "open"],
    free: ["open", "open"],
  },
  maximumPendingCommitBytes: {
    limit: 100,
    scenario: async (virtual) => {
      await silentSubscriber(virtual, "stored", PERSISTENT);
      const publisher = await virtual.connect("publisher");
      virtual.store.wait();
      for (let count = 0; count < 5; count++) {
        publisher.send(publisher.message("t", "x".repeat(150), { qos: 1 }));
        await settled();
      }
      const readMeanwhile = virtual.broker.counters.publishReceived;
      virtual.store.work();
      await settled();
      return [readMeanwhile, publisher.takeOnly("PUBACK").length];
    },
    limited: [1, 5],
    free: [5, 5],
  },
  maximumReadBytesPerTurn: {
    limit: 1500,
    // Of 10 bytes each.
    scenario: (virtual) => ahead(virtual, 250),
    limited: [200, 251],
    free: [250, 251],
  },
  maximumPublishesPerTurn: {
    limit: 3,
    scenario: (virtual) => ahead(virtual, 5),
    limited: [3, 6],
    free: [5, 6],
  },
  maximumReadMsPerTurn: {
    limit: 10,
    // The first look at the clock is after 16 packets, the second after 32.
    scenario: (virtual) => ahead(virtual, 40, 1),
    limited: [32, 41],
    free: [40, 41],
  },
};
