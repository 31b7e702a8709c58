import {
  AcknowledgementView,
  decodeAcknowledgementView,
  decodePacket,
  decodePublishView,
  decodeUtf8,
  encodePacket,
  FrameReader,
  ProtocolError,
  type ProtocolVersion,
  PublishView,
  readMessageProperties,
  validateTopicNameBytes,
} from "@dunlin/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryPacketOf } from "../../protocol/test/arbitrary-packet.ts";
import { decodeNaively, type Naive } from "./differential-naive.ts";

const RUNS = 2000;
const TIMEOUT_MS = 60_000;
const NAMES = ["PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP"] as const;
const VERSIONS = [3, 4, 5] as const;

/** What `decode` gives, or the Reason Code that it refuses with. */
function orReasonCode(decode: () => Naive): Naive {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ProtocolError) return error.reasonCode;
    throw error;
  }
}

// As in the broker, one instance reads everything: what it forgets to set stays from the packet before.
const publishView = new PublishView();
const acknowledgementView = new AcknowledgementView();

type Frame = readonly [bytes: Uint8Array, start: number, bodyStart: number, end: number];

/** As the hot path reads it: in place, the properties as offsets, the name checked where it is new. */
function view([bytes, start, bodyStart, end]: Frame, version: ProtocolVersion): Naive {
  if (bytes[start]! >> 4 !== 3) {
    decodeAcknowledgementView(acknowledgementView, bytes, start, bodyStart, end, version);
    return { ...acknowledgementView };
  }
  decodePublishView(publishView, bytes, start, bodyStart, end, version, "client");
  const { topicStart, topicEnd, propertiesStart, propertiesEnd } = publishView;
  if (topicEnd > topicStart) validateTopicNameBytes(bytes, topicStart, topicEnd, start);
  expect([publishView.bytes, publishView.start, publishView.end]).toEqual([bytes, start, end]);
  return {
    ...publishView,
    topicName: decodeUtf8(bytes, topicStart, topicEnd),
    payload: bytes.slice(publishView.payloadStart, end),
    properties: readMessageProperties(bytes, propertiesStart, propertiesEnd),
  };
}

/** What the view has to say of a packet that the other decoders have read. */
function viewed(packet: Naive): Naive {
  if (typeof packet === "number") return packet;
  const { type, properties, ...fields } = packet as { type: string; properties: Record<string, unknown> };
  if (type !== "PUBLISH") {
    const { packetIdentifier, reasonCode } = packet;
    return { packetIdentifier, reasonCode };
  }
  return {
    packetIdentifier: 0,
    ...fields,
    properties,
    payloadFormatIndicator: properties["payloadFormatIndicator"] ?? -1,
    messageExpiryIntervalSeconds: properties["messageExpiryIntervalSeconds"] ?? -1,
    topicAlias: properties["topicAlias"] ?? 0,
  };
}

/** The offsets point to what they say. */
function expectOffsets(bytes: Uint8Array): void {
  const { messageExpiryOffset, topicAliasOffset, packetIdentifierOffset, qos, packetIdentifier } =
    publishView;
  if (messageExpiryOffset >= 0) expect(bytes[messageExpiryOffset]).toBe(0x02);
  if (topicAliasOffset >= 0) expect(bytes[topicAliasOffset]).toBe(0x23);
  expect(messageExpiryOffset >= 0).toBe(publishView.messageExpiryIntervalSeconds >= 0);
  expect(topicAliasOffset >= 0).toBe(publishView.topicAlias > 0);
  const at = bytes.subarray(packetIdentifierOffset);
  if (qos > 0) expect(at[0]! * 256 + at[1]!).toBe(packetIdentifier);
}

/** All decoders on one packet; true where they accept it. */
function agree(frame: Frame, version: ProtocolVersion): boolean {
  const [bytes, start, bodyStart, end] = frame;
  const naive = decodeNaively(bytes[start]!, bytes.slice(bodyStart, end), version);
  const general = orReasonCode(
    () => ({ ...decodePacket(bytes, start, bodyStart, end, version, "client") }) as Naive,
  );
  const fast = orReasonCode(() => view(frame, version));
  // A property that is absent may be undefined or not there at all.
  expect(general).toEqual(naive);
  const wanted = viewed(naive);
  if (typeof wanted === "number" || typeof fast === "number") expect(fast).toEqual(wanted);
  else {
    expect(fast).toMatchObject(wanted);
    expect(fast["properties"] ?? {}).toEqual(wanted["properties"] ?? {});
    if ((general as { type: string }).type === "PUBLISH") expectOffsets(bytes);
  }
  return typeof naive !== "number";
}

const version = fc.constantFrom<ProtocolVersion>(...VERSIONS);

/** A valid packet of the hot path with some bytes changed, added or taken; often none. */
const packetBytes = version.chain((of) =>
  fc.record({
    version: fc.constant(of),
    bytes: fc
      .tuple(
        fc.oneof(...NAMES.map((name) => arbitraryPacketOf(name, of, "client"))),
        fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom(0, 1, 1, 2)), { maxLength: 3 }),
        fc.boolean(),
      )
      .map(([packet, edits, isMutated]) => {
        const bytes = [...encodePacket(packet, of)];
        for (const [position, byte, removed] of isMutated ? edits : []) {
          bytes.splice(position % bytes.length, removed, byte);
        }
        return Uint8Array.from(bytes);
      }),
  }),
);

test(
  "views, packets and a naive decoder agree on every field and every refusal, split anywhere",
  () => {
    let accepted = 0;
    let refused = 0;
    const chunk = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(fc.array(packetBytes, { maxLength: 5 }), fc.array(chunk), (packets, sizes) => {
        const [first] = packets;
        if (first === undefined) return;
        const stream = Buffer.concat(packets.map(({ bytes }) => bytes));
        const reader = new FrameReader(100_000);
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % Math.max(1, sizes.length)] ?? stream.length;
          const piece = Uint8Array.from(stream.subarray(at, at + size));
          at += size;
          reader.feed(piece, 0, piece.length);
          for (;;) {
            try {
              if (!reader.next()) break;
            } catch (error) {
              // Where the next packet begins is unknown.
              if (error instanceof ProtocolError) return;
              throw error;
            }
            const { bytes, start, bodyStart, end } = reader;
            const type = bytes[start]! >> 4;
            if (type < 3 || type > 7) continue;
            if (agree([bytes, start, bodyStart, end], first.version)) accepted++;
            else refused++;
          }
        }
      }),
      { numRuns: RUNS },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(RUNS / 10);
  },
  TIMEOUT_MS,
);

test(
  "and over arbitrary bodies",
  () => {
    let accepted = 0;
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      // Short lengths first, so that some get as far as the properties.
      fc.array(fc.constantFrom(0, 0, 1, 2, 3, 4, 8, 0x0b, 0x1f, 0x23, 0x26, 0x61, 0x80), { maxLength: 20 }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0x30, max: 0x7f }), body, version, (firstByte, content, of) => {
        const bytes = Uint8Array.from([0, 0, firstByte, content.length, ...content, 0, 0]);
        if (agree([bytes, 2, 4, bytes.length - 2], of)) accepted++;
      }),
      { numRuns: RUNS },
    );
    expect(accepted).toBeGreaterThan(RUNS / 100);
  },
  TIMEOUT_MS,
);
