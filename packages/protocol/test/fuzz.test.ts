import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  AcknowledgementView,
  decodeAcknowledgementView,
  decodePacket,
  decodePublishView,
  encodePacket,
  ProtocolError,
  type ProtocolVersion,
  PublishView,
  type Sender,
  StreamDecoder,
} from "../src/index.ts";
import { arbitraryPacket } from "./arbitrary-packet.ts";
import { invalidPacketCases, validPacketCases } from "./packet-cases.ts";
import { bytesOf } from "./packet-notation.ts";

const VERSIONS = [3, 4, 5] as const;
const SENDERS = ["client", "server"] as const;

const CASES: Uint8Array[] = [...validPacketCases, ...invalidPacketCases].map(({ bytes }) => bytesOf(bytes));

/** Runs `action`; whatever it throws must be a ProtocolError. */
function onlyProtocolErrors<T>(action: () => T): T | ProtocolError {
  try {
    return action();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

function push(bytes: Uint8Array, version: ProtocolVersion, sender: Sender): void {
  const decoder = new StreamDecoder({ version, sender, maximumPacketSize: 100_000 });
  onlyProtocolErrors(() => decoder.push(bytes));
  expect(decoder.bufferedBytes).toBeLessThanOrEqual(bytes.length);
}

/** Decodes `body` as one packet; the frame ends where `body` ends, whatever stands behind it. */
function decodeBody(firstByte: number, body: Uint8Array, version: ProtocolVersion, sender: Sender): void {
  const bytes = new Uint8Array(body.length + 10).fill(0x5a);
  bytes[0] = firstByte;
  bytes.set(body, 2);
  const end = body.length + 2;
  const result = onlyProtocolErrors(() => decodePacket(bytes, 0, 2, end, version, sender));
  if (result instanceof ProtocolError) {
    expect(result.offset).toBeGreaterThanOrEqual(0);
    expect(result.offset).toBeLessThanOrEqual(end);
  }
}

describe("nothing but a ProtocolError is thrown", () => {
  test("for arbitrary bytes in a stream", () => {
    const version = fc.constantFrom(...VERSIONS);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), version, fc.constantFrom(...SENDERS), push), {
      numRuns: 2000,
    });
  });

  test("for arbitrary bodies of every packet type", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.uint8Array({ maxLength: 100 }),
        fc.constantFrom(...VERSIONS),
        fc.constantFrom(...SENDERS),
        decodeBody,
      ),
      { numRuns: 4000 },
    );
  });

  test("for packets of the table cut short, in every version", () => {
    for (const bytes of CASES) {
      for (let length = 0; length + 2 <= bytes.length; length++) {
        const body = bytes.subarray(2, 2 + length);
        for (const version of VERSIONS) {
          for (const sender of SENDERS) decodeBody(bytes[0]!, body, version, sender);
        }
      }
    }
  });

  test("for packets of the table with one byte changed", () => {
    for (const original of CASES) {
      for (let index = 0; index < original.length; index++) {
        for (const change of [0x01, 0x80, 0xff]) {
          const bytes = original.slice();
          bytes[index]! ^= change;
          for (const sender of SENDERS) push(bytes, 5, sender);
          push(bytes, 4, "client");
        }
      }
    }
  });

  test("for arbitrary packets with some bytes changed, added or taken", () => {
    const arbitraryEdit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 2));
    const version = 5;
    const packets = fc.oneof(arbitraryPacket(version, "client"), arbitraryPacket(version, "server"));
    fc.assert(
      fc.property(packets, fc.array(arbitraryEdit, { minLength: 1, maxLength: 4 }), (packet, edits) => {
        const bytes = [...encodePacket(packet, version)];
        for (const [position, byte, removed] of edits) {
          bytes.splice(position % bytes.length, removed, byte);
        }
        for (const sender of SENDERS) push(Uint8Array.from(bytes), version, sender);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("the views agree with the general decoder", () => {
  test("over arbitrary bodies of PUBLISH and the acknowledgements", () => {
    const publishView = new PublishView();
    const acknowledgementView = new AcknowledgementView();
    fc.assert(
      fc.property(
        fc.integer({ min: 0x30, max: 0x7f }),
        fc.uint8Array({ maxLength: 30 }),
        fc.constantFrom(...VERSIONS),
        (firstByte, body, version) => {
          const bytes = Uint8Array.from([firstByte, body.length, ...body]);
          const end = bytes.length;
          const viewed = onlyProtocolErrors(() =>
            firstByte < 0x40
              ? decodePublishView(publishView, bytes, 0, 2, end, version, "client")
              : decodeAcknowledgementView(acknowledgementView, bytes, 0, 2, end, version),
          );
          const decoded = onlyProtocolErrors(() => decodePacket(bytes, 0, 2, end, version, "client"));
          if (viewed instanceof ProtocolError) expect(decoded).toEqual(viewed);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
