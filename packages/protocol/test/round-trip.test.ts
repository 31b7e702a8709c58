import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ControlPacket,
  encodedSize,
  encodePacket,
  type PacketName,
  type ProtocolVersion,
  type Sender,
  StreamDecoder,
} from "../src/index.ts";
import { arbitraryPacket, arbitraryPacketOf, packetNames } from "./arbitrary-packet.ts";

const maximumPacketSize = 1_000_000;

function decoderOf(version: ProtocolVersion, sender: Sender): StreamDecoder {
  return new StreamDecoder({ version, sender, maximumPacketSize });
}

const KINDS: [PacketName, ProtocolVersion, Sender][] = ([3, 4, 5] as const).flatMap((version) =>
  (["client", "server"] as const).flatMap((sender) =>
    packetNames(version, sender).map((name): [PacketName, ProtocolVersion, Sender] => [
      name,
      version,
      sender,
    ]),
  ),
);

describe("decoding what was encoded gives the packet again", () => {
  test.each(KINDS)("%s of version %i from a %s", (name, version, sender) => {
    fc.assert(
      fc.property(arbitraryPacketOf(name, version, sender), (packet) => {
        const bytes = encodePacket(packet, version);
        expect(bytes.length).toBe(encodedSize(packet, version));
        expect(decoderOf(version, sender).push(bytes)).toStrictEqual([packet]);
      }),
      { numRuns: 60 },
    );
  });
});

/** Cuts `bytes` at the given places, each a fraction of what is left. */
function chunksOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let start = 0;
  for (const cut of cuts) {
    const end = start + Math.floor((bytes.length - start) * cut);
    chunks.push(bytes.subarray(start, end));
    start = end;
  }
  chunks.push(bytes.subarray(start));
  return chunks;
}

const arbitraryStream: fc.Arbitrary<[ProtocolVersion, Sender, ControlPacket[]]> = fc
  .tuple(fc.constantFrom<ProtocolVersion>(3, 4, 5), fc.constantFrom<Sender>("client", "server"))
  .chain(([version, sender]) =>
    fc.tuple(
      fc.constant(version),
      fc.constant(sender),
      fc.array(arbitraryPacket(version, sender), { minLength: 1, maxLength: 6 }),
    ),
  );

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("a stream split anywhere gives the same packets", () => {
  test("in a few chunks", () => {
    const arbitraryCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });
    fc.assert(
      fc.property(arbitraryStream, arbitraryCuts, ([version, sender, packets], cuts) => {
        const bytes = concatenate(packets.map((packet) => encodePacket(packet, version)));
        const decoder = decoderOf(version, sender);
        expect(chunksOf(bytes, cuts).flatMap((chunk) => decoder.push(chunk))).toStrictEqual(packets);
        expect(decoder.bufferedBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("byte by byte", () => {
    fc.assert(
      fc.property(arbitraryStream, ([version, sender, packets]) => {
        const bytes = concatenate(packets.map((packet) => encodePacket(packet, version)));
        const decoder = decoderOf(version, sender);
        expect([...bytes].flatMap((byte) => decoder.push(Uint8Array.of(byte)))).toStrictEqual(packets);
      }),
      { numRuns: 60 },
    );
  });

  test("results stay valid when the chunk's memory is used again", () => {
    const bytes = encodePacket(
      {
        type: "PUBLISH",
        topicName: "t",
        payload: Uint8Array.of(1, 2),
        qos: 0,
        retain: false,
        dup: false,
        properties: {},
      },
      4,
    );
    const [packet] = decoderOf(4, "client").push(bytes);
    bytes.fill(0xff);
    expect(packet).toMatchObject({ payload: Uint8Array.of(1, 2) });
  });

  test("a CONNECT sets the version of what follows", () => {
    const decoder = decoderOf(4, "client");
    const connect = {
      type: "CONNECT",
      protocolVersion: 5,
      cleanStart: true,
      keepAliveSeconds: 0,
      clientId: "c",
      properties: {},
    } as const;
    const disconnect = { type: "DISCONNECT", reasonCode: 4, properties: {} } as const;
    const bytes = concatenate([encodePacket(connect, 5), encodePacket(disconnect, 5)]);
    expect(decoder.push(bytes)).toStrictEqual([connect, disconnect]);
    expect(decoder.version).toBe(5);
  });
});
