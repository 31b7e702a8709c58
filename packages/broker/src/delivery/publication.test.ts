import {
  decodePacket,
  decodePublishView,
  encodePacket,
  FrameReader,
  type ProtocolVersion,
  type PublishPacket,
  type PublishProperties,
  PublishView,
  type QoS,
} from "@dunlin/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { arbitraryPacketOf } from "../../../protocol/test/arbitrary-packet.ts";
import { Arena } from "../arena.ts";
import { writeUint16 } from "../big-endian.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { defaultLimits } from "../options.ts";
import type { EncodedPublish } from "../ports/packet-sink.ts";
import { TopicTable } from "../routing/topic-table.ts";
import { Session } from "../session/session.ts";
import { encodeMessageBody, MessageBodyView } from "./message-body.ts";
import { Publication } from "./publication.ts";

const START_MS = 1_000_000;
const IDENTIFIER = 0x1234;
const publisher = new Session("publisher", 1, 5, false, {
  onSessionDeadline() {},
  stateMemory: new MemoryBudget(1000),
});

/** Where a received PUBLISH is, its topic known by name or alias, in the middle of other bytes. */
function receive(packet: PublishPacket, version: ProtocolVersion): PublishView {
  const encoded = encodePacket(packet, version);
  const bytes = Buffer.concat([Buffer.from("before"), encoded, Buffer.from("after")]);
  const reader = new FrameReader(defaultLimits.maximumPacketSize);
  reader.feed(bytes, 6, 6 + encoded.length);
  reader.next();
  const view = new PublishView();
  decodePublishView(view, reader.bytes, reader.start, reader.bodyStart, reader.end, version, "client");
  return view;
}

/** What a subscriber decodes, once the Packet Identifier has been put in. */
function seen(encoded: EncodedPublish, version: ProtocolVersion, qos: QoS): PublishPacket {
  const bytes = Uint8Array.from(encoded.bytes.subarray(encoded.start, encoded.end));
  if (qos > 0) writeUint16(bytes, encoded.packetIdentifierOffset - encoded.start, IDENTIFIER);
  const reader = new FrameReader(bytes.length);
  reader.feed(bytes, 0, bytes.length);
  expect(reader.next()).toBe(true);
  expect(reader.end).toBe(bytes.length);
  return decodePacket(bytes, 0, reader.bodyStart, reader.end, version, "server") as PublishPacket;
}

const forms = fc.record({
  version: fc.constantFrom<ProtocolVersion>(3, 4, 5),
  qos: fc.constantFrom<QoS>(0, 1, 2),
  retain: fc.boolean(),
  identifiers: fc.option(fc.array(fc.integer({ min: 1, max: 268_435_455 }), { minLength: 1, maxLength: 3 }), {
    nil: undefined,
  }),
  alias: fc.option(fc.record({ alias: fc.integer({ min: 1, max: 65_535 }), withName: fc.boolean() }), {
    nil: undefined,
  }),
});
type Form = typeof forms extends fc.Arbitrary<infer Value> ? Value : never;

function expectForm(publication: Publication, form: Form, packet: PublishPacket, elapsedMs: number): void {
  const { qos, retain, identifiers, alias } = form;
  const version = alias === undefined ? form.version : 5;
  const encoded =
    alias === undefined
      ? publication.encoded(version, qos, retain, identifiers)
      : publication.encodedWithAlias(qos, retain, identifiers, alias.alias, alias.withName);
  const { topicAlias: _own, messageExpiryIntervalSeconds: expiry, ...properties } = packet.properties;
  const expected: PublishProperties = {
    ...properties,
    ...(expiry !== undefined && {
      messageExpiryIntervalSeconds: Math.max(0, Math.ceil(expiry - elapsedMs / 1000)),
    }),
    ...(identifiers !== undefined && { subscriptionIdentifiers: identifiers }),
    ...(alias !== undefined && { topicAlias: alias.alias }),
  };
  expect(seen(encoded, version, qos)).toEqual({
    type: "PUBLISH",
    topicName: alias?.withName === false ? "" : publication.topic.name,
    payload: packet.payload,
    qos,
    retain,
    dup: false,
    ...(qos > 0 && { packetIdentifier: IDENTIFIER }),
    properties: version === 5 ? expected : {},
  });
}

describe("Publication", () => {
  test("a large payload is not copied for each subscriber", () => {
    const publication = new Publication(new Arena(512), () => START_MS);
    const topic = new TopicTable<Session>(defaultLimits).internName("t");
    const payload = Buffer.alloc(1024 * 1024, "x");
    publication.setMessage({ topicName: "t", payload, qos: 1, retain: false, properties: {} }, topic, null);
    for (const encoded of [
      publication.encoded(5, 1, false, [1]),
      publication.encodedWithAlias(1, false, undefined, 1, true),
      publication.encoded(4, 0, false, undefined),
    ]) {
      expect(encoded.end - encoded.start).toBeLessThan(20);
      expect(encoded.payloadBytes).toBe(publication.payloadBytes);
      expect(encoded.size).toBe(encoded.end - encoded.start + payload.length);
    }
  });

  test("reaches every kind of subscriber as it was published, live and from a body", () => {
    const received = fc.constantFrom<ProtocolVersion>(4, 5).chain((version) =>
      fc.record({
        version: fc.constant(version),
        packet: arbitraryPacketOf("PUBLISH", version, "client") as fc.Arbitrary<PublishPacket>,
      }),
    );
    let nowMs = START_MS;
    const topics = new TopicTable<Session>(defaultLimits);
    // One instance for all, as in the broker; a small arena, so that slabs end in the middle of things.
    const publication = new Publication(new Arena(512), () => nowMs);
    fc.assert(
      fc.property(
        received,
        fc.array(forms, { minLength: 1, maxLength: 6 }),
        fc.nat(3000),
        fc.string({ minLength: 1 }).map((name) => name.replaceAll(/[+#\0]/g, "_")),
        ({ packet, version }, subscribers, elapsedMs, aliasedName) => {
          nowMs = START_MS;
          const view = receive(packet, version);
          const before = Buffer.from(view.bytes);
          const topic = topics.internName(packet.topicName || aliasedName);
          publication.setReceived(view, version, topic, publisher);
          for (const form of subscribers) expectForm(publication, form, packet, 0);
          const body = encodeMessageBody(publication);
          expect(Buffer.from(view.bytes).equals(before)).toBe(true);
          nowMs += elapsedMs;
          const read = new MessageBodyView().read(body);
          expect(Buffer.from(body.subarray(read.topicStart, read.topicEnd)).toString()).toBe(topic.name);
          publication.setBody(read, topic, null);
          expect([publication.qos, publication.retain]).toEqual([packet.qos, packet.retain]);
          for (const form of subscribers) expectForm(publication, form, packet, elapsedMs);
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ["expiry before alias", [0x02, 0, 0, 0, 60, 0x23, 0, 7]],
    ["alias before expiry", [0x23, 0, 7, 0x02, 0, 0, 0, 60]],
  ])("cuts %s, with others before, between and behind", (_name, own) => {
    const user = (name: string): number[] => [0x26, 0, 1, name.charCodeAt(0), 0, 1, 0x76];
    const cut = own[0] === 0x02 ? 5 : 3;
    const properties = [...user("a"), ...own.slice(0, cut), ...user("b"), ...own.slice(cut), ...user("c")];
    const body = [0, 1, 0x74, properties.length, ...properties, 0x70];
    const bytes = Uint8Array.from([0x30, body.length, ...body]);
    const view = new PublishView();
    decodePublishView(view, bytes, 0, 2, bytes.length, 5, "client");
    const publication = new Publication(new Arena(), () => START_MS);
    publication.setReceived(view, 5, new TopicTable<Session>(defaultLimits).internName("t"), publisher);
    const { properties: left } = seen(publication.encoded(5, 0, false, undefined), 5, 0);
    const userProperties = ["a", "b", "c"].map((name) => [name, "v"]);
    expect(left).toEqual({ messageExpiryIntervalSeconds: 60, userProperties });
  });

  test("goes on as it came where the subscriber wants the same form, and only there", () => {
    const packet: PublishPacket = {
      type: "PUBLISH",
      topicName: "t",
      payload: Buffer.from("p"),
      qos: 1,
      retain: false,
      dup: false,
      packetIdentifier: 1,
      properties: {},
    };
    const publication = new Publication(new Arena(), () => START_MS);
    const topic = new TopicTable<Session>(defaultLimits).internName("t");
    const set = (fields: Partial<PublishPacket>): PublishView => {
      const view = receive({ ...packet, ...fields }, 5);
      publication.setReceived(view, 5, topic, publisher);
      return view;
    };
    const plain = set({});
    expect(publication.encoded(5, 1, false, undefined).bytes).toBe(plain.bytes);
    expect(publication.encoded(5, 0, false, undefined).bytes).not.toBe(plain.bytes);
    expect(publication.encoded(4, 1, false, undefined).bytes).not.toBe(plain.bytes);
    const again = set({ dup: true });
    expect(publication.encoded(5, 1, false, undefined).bytes).not.toBe(again.bytes);
    const aliased = set({ properties: { topicAlias: 3 } });
    expect(publication.encoded(5, 1, false, undefined).bytes).not.toBe(aliased.bytes);
    // What was encoded for one subscriber is encoded once for all.
    expect(publication.encoded(4, 1, false, undefined)).toBe(publication.encoded(3, 1, false, undefined));
  });
});
