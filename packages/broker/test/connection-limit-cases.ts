import { type MemoryClient, messagesOf, settled, type VirtualBroker } from "@dunlin/test-kit";
import type { ConnectionLimits } from "../src/index.ts";

/** What can be seen of a broker where a limit is low, and where it is the default. */
export interface LimitCase {
  readonly limit: number;
  readonly scenario: (virtual: VirtualBroker) => Promise<unknown>;
  readonly limited: unknown;
  readonly free: unknown;
}

/** Opens connections from these addresses; tells which are left open. */
async function openFrom(virtual: VirtualBroker, addresses: readonly string[]): Promise<string[]> {
  const clients = addresses.map((remoteAddress) => virtual.open(5, { stream: { remoteAddress } }));
  await settled();
  return clients.map(({ state }) => state);
}

/** The Reason Code with which the broker says DISCONNECT, if it does. */
export function disconnectCode(client: MemoryClient): number | undefined {
  return client.takeOnly("DISCONNECT")[0]?.reasonCode;
}

/** Subscribes to "t", and does not acknowledge anything. */
export async function silentSubscriber(
  virtual: VirtualBroker,
  clientId: string,
  fields: Parameters<VirtualBroker["connect"]>[1] = {},
): Promise<MemoryClient> {
  const client = await virtual.connect(clientId, fields);
  client.acknowledges = false;
  await client.subscribe("t", 1);
  return client;
}

export const connectionLimitCases: { readonly [Limit in keyof ConnectionLimits]: LimitCase } = {
  maximumConnections: {
    limit: 2,
    scenario: (virtual) => openFrom(virtual, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
    limited: ["open", "open", "closed"],
    free: ["open", "open", "open"],
  },
  maximumConnectionsPerAddress: {
    limit: 1,
    scenario: (virtual) => openFrom(virtual, ["192.0.2.1", "192.0.2.1", "192.0.2.2"]),
    limited: ["open", "closed", "open"],
    free: ["open", "open", "open"],
  },
  connectTimeoutMs: {
    limit: 1000,
    scenario: async (virtual) => {
      const client = virtual.open();
      await virtual.advance(900);
      const before = client.state;
      await virtual.advance(300);
      return [before, client.state];
    },
    limited: ["open", "closed"],
    free: ["open", "open"],
  },
  maximumConnectPacketSize: {
    limit: 100,
    scenario: async (virtual) => {
      const client = virtual.open();
      const answer = await client.connect({ userName: "x".repeat(100) }).catch(() => undefined);
      return [answer?.reasonCode, client.state];
    },
    limited: [undefined, "closed"],
    free: [0, "open"],
  },
  maximumPacketSize: {
    limit: 100,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      client.send(client.message("t", "x".repeat(100)));
      await settled();
      return [disconnectCode(client), client.state];
    },
    limited: [0x95, "closed"],
    free: [undefined, "open"],
  },
  maximumNonPublishPacketSize: {
    limit: 100,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      client.send(client.message("t", "x".repeat(100)));
      client.send({
        type: "UNSUBSCRIBE",
        packetIdentifier: 1,
        topicFilters: ["x".repeat(100)],
        properties: {},
      });
      await settled();
      return [virtual.broker.counters.publishReceived, disconnectCode(client)];
    },
    limited: [1, 0x97],
    free: [1, undefined],
  },
  maximumKeepAliveSeconds: {
    limit: 30,
    scenario: async (virtual) => {
      const answers: unknown[] = [];
      for (const keepAliveSeconds of [20, 60, 0]) {
        await virtual.connect("c", { keepAliveSeconds });
        answers.push(virtual.connack?.properties.serverKeepAliveSeconds);
      }
      return answers;
    },
    limited: [undefined, 30, 30],
    free: [undefined, undefined, undefined],
  },
  receiveMaximum: {
    limit: 2,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      client.acknowledges = false;
      for (let count = 0; count < 3; count++) client.send(client.message("t", "", { qos: 2 }));
      await settled();
      return disconnectCode(client);
    },
    limited: 0x93,
    free: undefined,
  },
  topicAliasMaximum: {
    limit: 2,
    scenario: async (virtual) => {
      const client = await virtual.connect("c");
      client.send(client.message("t", "", { properties: { topicAlias: 2 } }));
      client.send(client.message("t", "", { properties: { topicAlias: 3 } }));
      await settled();
      return disconnectCode(client);
    },
    limited: 0x94,
    free: undefined,
  },
  outboundTopicAliasMaximum: {
    limit: 1,
    scenario: async (virtual) => {
      const client = await virtual.connect("c", { properties: { topicAliasMaximum: 10 } });
      await client.subscribe("#");
      for (const topicName of ["a", "b", "a", "b"]) await virtual.broker.publish({ topicName, payload: "" });
      await settled();
      return client
        .takeOnly("PUBLISH")
        .map(({ topicName, properties }) => `${topicName}:${properties.topicAlias ?? "none"}`);
    },
    limited: ["a:1", "b:none", ":1", "b:none"],
    free: ["a:1", "b:2", ":1", ":2"],
  },
  maximumInflight: {
    limit: 2,
    scenario: async (virtual) => {
      const live = await silentSubscriber(virtual, "live");
      const properties = { sessionExpiryIntervalSeconds: 60 };
      const stored = await silentSubscriber(virtual, "stored", { properties });
      for (const payload of "abc") await virtual.broker.publish({ topicName: "t", payload, qos: 1 });
      await settled();
      return [messagesOf(live.take()), messagesOf(stored.take())];
    },
    limited: [
      ["t=a", "t=b"],
      ["t=a", "t=b"],
    ],
    free: [
      ["t=a", "t=b", "t=c"],
      ["t=a", "t=b", "t=c"],
    ],
  },
  maximumOutputBytes: {
    limit: 2000,
    scenario: async (virtual) => {
      const client = await virtual.connect("c", { stream: { windowBytes: 100 } });
      await client.subscribe("t");
      client.stream.hold();
      for (let count = 0; count < 20; count++) {
        await virtual.broker.publish({ topicName: "t", payload: "x".repeat(500) });
        await settled();
      }
      client.stream.release();
      await settled();
      return messagesOf(client.take()).length < 20 ? "some are dropped" : "all arrive";
    },
    limited: "some are dropped",
    free: "all arrive",
  },
};
