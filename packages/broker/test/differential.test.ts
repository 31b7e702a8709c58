import { createHash } from "node:crypto";
import {
  encodePacket,
  matchTopic,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type PublishProperties,
} from "@dunlin/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryPacketOf } from "../../protocol/test/arbitrary-packet.ts";
import {
  all,
  type Burst,
  type Got,
  inOneOrder,
  type Participant,
  play,
  publishers,
  publishOf,
  subscribers,
  unordered,
} from "./differential-world.ts";

const RUNS = 25;
const TIMEOUT_MS = 60_000;
const TOPICS = ["a", "a/b", "c/b", "a/b/c", "ü"];

/** A PUBLISH of a client: topics that the subscribers like, identifiers that do not collide. */
function arbitraryMessage(version: ProtocolVersion): fc.Arbitrary<PublishPacket> {
  const packet = arbitraryPacketOf("PUBLISH", version, "client") as fc.Arbitrary<PublishPacket>;
  const alias = fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined });
  const expiry = fc.constantFrom(undefined, undefined, 1, 2, 3600);
  // Marked as UTF-8 it would have to be.
  const text = fc.string().map((each) => Buffer.from(each));
  const payload = fc.oneof(
    { weight: 9, arbitrary: text },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(9000, "x")) },
  );
  return fc
    .tuple(packet, fc.constantFrom(...TOPICS), alias, expiry, payload, fc.boolean())
    .map(([other, topicName, topicAlias, messageExpiryIntervalSeconds, bytes, isNamed]) => {
      if (version !== 5) return { ...other, topicName, payload: bytes };
      const properties = { ...other.properties, topicAlias, messageExpiryIntervalSeconds };
      const name = topicAlias !== undefined && !isNamed ? "" : topicName;
      return { ...other, topicName: name, payload: bytes, properties };
    });
}

interface Sent {
  readonly sender: Participant;
  readonly messages: readonly PublishPacket[];
  readonly edits: readonly (readonly [number, number, number])[];
  readonly thenMs: number;
}

function arbitrarySent(
  senders: readonly Participant[],
  arbitraryEdits: fc.Arbitrary<Sent["edits"]>,
): fc.Arbitrary<Sent> {
  return fc.constantFrom(...senders).chain((sender) =>
    fc.record({
      sender: fc.constant(sender),
      messages: fc.array(arbitraryMessage(sender.version), { minLength: 1, maxLength: 6 }),
      edits: arbitraryEdits,
      thenMs: fc.constantFrom(0, 0, 0, 1500),
    }),
  );
}

interface Numbered {
  readonly message: PublishPacket;
  /** What its Topic Name or Topic Alias stands for. */
  readonly name: string;
}

/** Gives each message of QoS 1 and 2 an identifier of its own, and sets an alias before it is used. */
class Numbering {
  #identifier = 0;
  readonly #aliases = new Map<string, string>();

  complete({ sender, messages }: Sent): Numbered[] {
    return messages.map((message) => {
      const { topicAlias } = message.properties;
      const key = `${sender.clientId} ${topicAlias}`;
      const topicName = message.topicName || (this.#aliases.has(key) ? "" : "a/b");
      if (topicAlias !== undefined && topicName !== "") this.#aliases.set(key, topicName);
      const packetIdentifier = message.qos === 0 ? {} : { packetIdentifier: ++this.#identifier };
      const name = topicName || this.#aliases.get(key)!;
      return { message: { ...message, topicName, ...packetIdentifier }, name };
    });
  }
}

function burstOf(numbered: readonly Numbered[], { sender, edits, thenMs }: Sent): Burst {
  const bytes = [...Buffer.concat(numbered.map(({ message }) => encodePacket(message, sender.version)))];
  for (const [position, byte, removed] of edits) bytes.splice(position % bytes.length, removed, byte);
  return { sender, bytes: Uint8Array.from(bytes), thenMs };
}

/** As hex, what is long by its hash: a failure is to be read by people. */
function brief(bytes: Uint8Array): string {
  if (bytes.length < 200) return Buffer.from(bytes).toString("hex");
  return `${bytes.length} bytes, ${createHash("sha1").update(bytes).digest("hex")}`;
}

/** What can be compared between two ways through the broker of the packets of one type. */
function comparable({ byType }: Got, type: number, { clientId, version }: Participant): string[] {
  const packets = byType[type]!;
  if (type !== PacketType.PUBLISH) return packets.map(brief);
  const isReliable = (packet: Uint8Array): boolean => (packet[0]! & 6) !== 0;
  const kept = unordered.includes(clientId) ? packets.filter(isReliable) : packets;
  return kept.map((packet) => brief(inOneOrder(packet, version)));
}

/**
 * What legitimately differs: an interceptor takes a moment for each message, so answers and acknowledgements come
 * between other packets; properties go on in the order in which they came or in ours; and a client that is closed
 * does not get what waits for the store, or for its own acknowledgements.
 */
function expectSameOf(subscriber: Participant, way: string, one: Got, two: Got): void {
  const { clientId } = subscriber;
  expect(two.refused).toBe(one.refused);
  for (let type = 1; type < 16; type++) {
    const packets = comparable(one, type, subscriber);
    const others = comparable(two, type, subscriber);
    const waits = type === PacketType.PUBLISH ? unordered.includes(clientId) : type < PacketType.SUBSCRIBE;
    if (one.refused && waits) packets.length = others.length = Math.min(packets.length, others.length);
    expect(others, `${clientId}, ${way}`).toEqual(packets);
  }
}

/** Every subscriber gets the same bytes, whatever the way. */
async function expectSame(bursts: readonly Burst[], sizes: readonly number[]): Promise<Map<string, Got>> {
  const fast = await play("fast", bursts, sizes);
  for (const way of ["gated", "general"] as const) {
    const other = await play(way, bursts, sizes);
    for (const subscriber of all) {
      expectSameOf(subscriber, way, fast.get(subscriber.clientId)!, other.get(subscriber.clientId)!);
    }
  }
  return fast;
}

const NO_EDITS = fc.constant([]);
const sizes = fc.array(fc.constantFrom(1, 2, 3, 7, 50, 1000, 5000), { maxLength: 4 });

/** What the specification has a subscriber get of a message: once or not at all. */
function expected(to: Participant, from: Participant, { message, name }: Numbered): object[] {
  const wishes = to.wishes.filter(
    ({ topicFilter, noLocal }) => matchTopic(topicFilter, name) && !(noLocal === true && to === from),
  );
  if (wishes.length === 0) return [];
  const { topicAlias: _own, ...others } = message.properties;
  const identifiers = wishes.flatMap(({ subscriptionIdentifier: each }) => each ?? []);
  const properties = identifiers.length > 0 ? { ...others, subscriptionIdentifiers: identifiers } : others;
  const delivered = {
    topicName: name,
    payload: brief(message.payload),
    qos: Math.min(message.qos, Math.max(...wishes.map(({ qos }) => qos))),
    retain: message.retain && wishes.some(({ retainAsPublished }) => retainAsPublished),
    properties: to.version === 5 ? comparableProperties(properties) : {},
  };
  return [delivered];
}

/** Subscription Identifiers come in any order; what is undefined is not there. */
function comparableProperties({ subscriptionIdentifiers, ...others }: PublishProperties): object {
  const sorted = [...(subscriptionIdentifiers ?? [])].sort((one, other) => one - other);
  return JSON.parse(
    JSON.stringify({
      ...others,
      correlationData: others.correlationData && [...others.correlationData],
      sorted,
    }),
  );
}

function received(packets: readonly Uint8Array[], version: ProtocolVersion): object[] {
  const aliases = new Map<number, string>();
  return packets.map((bytes) => {
    const { topicName, payload, qos, retain, properties } = publishOf(bytes, version);
    const { topicAlias, ...others } = properties;
    if (topicAlias !== undefined && topicName !== "") aliases.set(topicAlias, topicName);
    return {
      topicName: topicName || aliases.get(topicAlias!),
      payload: brief(payload),
      qos,
      retain,
      properties: version === 5 ? comparableProperties(others) : {},
    };
  });
}

test(
  "the fast, the gated and the general way send every subscriber the same, as the specification has it",
  async () => {
    let compared = 0;
    const bursts = fc.array(arbitrarySent(all, NO_EDITS), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(bursts, sizes, async (sent, chunkSizes) => {
        const numbering = new Numbering();
        const modelled = new Map(subscribers.map(({ clientId }) => [clientId, [] as object[]]));
        const played = sent.map((each) => {
          const numbered = numbering.complete(each);
          for (const to of subscribers) {
            for (const one of numbered) modelled.get(to.clientId)!.push(...expected(to, each.sender, one));
          }
          return burstOf(numbered, each);
        });
        const got = await expectSame(played, chunkSizes);
        for (const { clientId, version, wishes } of subscribers) {
          const isShared = wishes.some(({ topicFilter }) => topicFilter.startsWith("$share/"));
          if (isShared || unordered.includes(clientId)) continue;
          const publishes = received(got.get(clientId)!.byType[PacketType.PUBLISH]!, version);
          compared += publishes.length;
          expect(publishes, clientId).toEqual(modelled.get(clientId));
        }
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS * 10);
  },
  TIMEOUT_MS,
);

test(
  "and after mutated bytes as well, refusals included",
  async () => {
    const edit = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom(0, 1, 1, 2));
    const edits = fc.array(edit, { maxLength: 2 });
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitrarySent(publishers, edits), { minLength: 1, maxLength: 6 }),
        sizes,
        async (sent, chunks) => {
          const numbering = new Numbering();
          const bursts = sent.map((each) => burstOf(numbering.complete(each), each));
          const got = await expectSame(bursts, chunks);
          refused += [...got.values()].filter((each) => each.refused).length;
        },
      ),
      { numRuns: 2 * RUNS },
    );
    expect(refused).toBeGreaterThan(RUNS / 10);
  },
  TIMEOUT_MS,
);
