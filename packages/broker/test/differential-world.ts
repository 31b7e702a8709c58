import type { Authorizer, BrokerOptions, PublishInterceptor } from "@dunlin/broker";
import {
  decodePacket,
  encodePacket,
  FrameReader,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
} from "@dunlin/protocol";
import { type MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";

const LARGEST_PACKET_BYTES = 268_435_460;

/** A subscription of a subscriber, and what its version allows. */
export interface Wish {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly subscriptionIdentifier?: number;
}

export interface Participant {
  readonly clientId: string;
  readonly version: ProtocolVersion;
  readonly topicAliasMaximum?: number;
  readonly sessionExpiryIntervalSeconds?: number;
  readonly receiveMaximum?: number;
  readonly wishes: readonly Wish[];
}

/** They publish as well, and get what they and others publish. */
export const subscribers: readonly Participant[] = [
  { clientId: "all-3.1", version: 3, wishes: [{ topicFilter: "#", qos: 2 }] },
  { clientId: "all-3.1.1", version: 4, wishes: [{ topicFilter: "#", qos: 2 }] },
  { clientId: "zero-3.1.1", version: 4, wishes: [{ topicFilter: "#", qos: 0 }] },
  {
    clientId: "all-5",
    version: 5,
    wishes: [{ topicFilter: "#", qos: 2, noLocal: true, retainAsPublished: true }],
  },
  { clientId: "zero-5", version: 5, wishes: [{ topicFilter: "+/#", qos: 0 }] },
  { clientId: "one-5", version: 5, wishes: [{ topicFilter: "#", qos: 1 }] },
  { clientId: "aliases", version: 5, topicAliasMaximum: 2, wishes: [{ topicFilter: "#", qos: 1 }] },
  {
    clientId: "overlapping",
    version: 5,
    wishes: [
      { topicFilter: "#", qos: 0, subscriptionIdentifier: 1 },
      { topicFilter: "a/#", qos: 2, subscriptionIdentifier: 268_435_455, retainAsPublished: true },
      { topicFilter: "+/b", qos: 1, subscriptionIdentifier: 128 },
    ],
  },
  { clientId: "member-1", version: 4, wishes: [{ topicFilter: "$share/g/#", qos: 2 }] },
  {
    clientId: "member-2",
    version: 5,
    wishes: [{ topicFilter: "$share/g/#", qos: 2, subscriptionIdentifier: 5 }],
  },
  // These two wait for acknowledgements and for the store, so when they get what of QoS 0 is a matter of time.
  { clientId: "slow", version: 5, receiveMaximum: 1, wishes: [{ topicFilter: "#", qos: 2 }] },
  {
    clientId: "stored",
    version: 5,
    sessionExpiryIntervalSeconds: 600,
    wishes: [{ topicFilter: "#", qos: 2 }],
  },
];

/** They only publish: what they send is all their own, for acknowledgements would get into the middle of what is mutated. */
export const publishers: readonly Participant[] = [
  { clientId: "publisher-3.1", version: 3, wishes: [] },
  { clientId: "publisher-3.1.1", version: 4, wishes: [] },
  { clientId: "publisher-5", version: 5, wishes: [] },
];

export const all: readonly Participant[] = [...subscribers, ...publishers];

/** Those whose order between QoS 0 and the rest is a matter of time. */
export const unordered: readonly string[] = ["slow", "stored"];

/**
 * Ways through the broker. gated: an authorizer that allows everything, so that each message is set up by itself.
 * general: an interceptor that lets everything pass as well, so that each becomes an object and is encoded anew.
 */
export const ways = {
  fast: {},
  gated: { authorizer: { authorize: () => true } satisfies Authorizer },
  general: {
    publishInterceptors: [{ intercept: () => ({ action: "pass" }) } satisfies PublishInterceptor],
  },
} as const satisfies { [way: string]: BrokerOptions };

/** What a client got. */
export interface Got {
  /** By the first byte's upper half; packets of different types may come in another order, which is a matter of time. */
  readonly byType: readonly Uint8Array[][];
  /** Closed by the broker for what it sent. */
  refused: boolean;
}

/** Who sends which bytes; how many milliseconds pass afterwards. */
export interface Burst {
  readonly sender: Participant;
  readonly bytes: Uint8Array;
  readonly thenMs: number;
}

/** Puts bursts through a broker on virtual time and says what every client got, by Client Identifier. */
export async function play(
  way: keyof typeof ways,
  bursts: readonly Burst[],
  chunkSizes: readonly number[],
): Promise<Map<string, Got>> {
  const virtual = await VirtualBroker.start(ways[way]);
  const got = new Map<string, Got>();
  const clients: MemoryClient[] = [];
  for (const subscriber of all) {
    const client = await connect(virtual, subscriber, chunkSizes);
    if (subscriber.wishes.length > 0) await advanceIdentifier(virtual, client, clients.length);
    clients.push(client);
    got.set(subscriber.clientId, record(client));
  }
  for (const { sender, bytes, thenMs } of bursts) {
    const client = clients[all.indexOf(sender)]!;
    if (client.state === "open") client.sendBytes(bytes);
    await settled();
    if (thenMs > 0) await virtual.advance(thenMs);
  }
  for (const [index, { clientId }] of all.entries()) {
    got.get(clientId)!.refused = clients[index]!.state === "closed";
  }
  await virtual.stop();
  return got;
}

async function connect(
  virtual: VirtualBroker,
  subscriber: Participant,
  chunkSizes: readonly number[],
): Promise<MemoryClient> {
  const { clientId, version, wishes, topicAliasMaximum, sessionExpiryIntervalSeconds, receiveMaximum } =
    subscriber;
  const properties = version === 5 ? { topicAliasMaximum, sessionExpiryIntervalSeconds, receiveMaximum } : {};
  const stream = chunkSizes.length > 0 ? { chunkSizes } : {};
  const client = await virtual.connect(clientId, { protocolVersion: version, properties, stream });
  for (const { topicFilter, qos, ...options } of wishes) await client.subscribe(topicFilter, qos, options);
  client.take();
  return client;
}

/** Else all would get a message with the same Packet Identifier, and a mix-up would not show. */
async function advanceIdentifier(virtual: VirtualBroker, client: MemoryClient, count: number): Promise<void> {
  // No wildcard of others matches it [MQTT-4.7.2-1].
  const topicName = `$own/${count}`;
  await client.subscribe(topicName, 1);
  for (let index = 0; index < count; index++) {
    await virtual.broker.publish({ topicName, payload: "", qos: 1 });
  }
  await settled();
  client.take();
}

function record(client: MemoryClient): Got {
  const byType: Uint8Array[][] = Array.from({ length: 16 }, () => []);
  const reader = new FrameReader(LARGEST_PACKET_BYTES);
  const onBytes = client.onBytes.bind(client);
  client.onBytes = (bytes, start, end) => {
    reader.feed(Uint8Array.from(bytes.subarray(start, end)), 0, end - start);
    while (reader.next()) {
      const packet = reader.bytes.slice(reader.start, reader.end);
      byType[packet[0]! >> 4]!.push(packet);
    }
    onBytes(bytes, start, end);
  };
  return { byType, refused: false };
}

export function publishOf(packet: Uint8Array, version: ProtocolVersion): PublishPacket {
  const reader = new FrameReader(LARGEST_PACKET_BYTES);
  reader.feed(packet, 0, packet.length);
  reader.next();
  const { bytes, start, bodyStart, end } = reader;
  return decodePacket(bytes, start, bodyStart, end, version, "server") as PublishPacket;
}

/** The same packet with its properties in one order: a received property block may go on as it stood. */
export function inOneOrder(packet: Uint8Array, version: ProtocolVersion): Uint8Array {
  return encodePacket(publishOf(packet, version), version);
}
