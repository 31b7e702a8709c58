/** Packets to bytes and back. Run: npx tsx --conditions=x-source benchmarks/micro/codec.ts */
import {
  type ControlPacket,
  decodePacket,
  decodePublishView,
  encodePacket,
  FrameReader,
  type ProtocolVersion,
  PublishView,
  writePublishHeader,
} from "@dunlin/protocol";
import { bench, do_not_optimize, run, summary } from "mitata";

const PACKETS = 100;
const MAXIMUM_PACKET_SIZE = 1_000_000;

function publish(payloadBytes: number, userProperties: number): ControlPacket {
  const properties = Array.from(
    { length: userProperties },
    (_, index) => [`name ${index}`, "value"] as const,
  );
  return {
    type: "PUBLISH",
    topicName: "site/12/sensor/temperature",
    payload: new Uint8Array(payloadBytes),
    qos: 1,
    retain: false,
    dup: false,
    packetIdentifier: 10,
    properties: userProperties > 0 ? { userProperties: properties } : {},
  };
}

const connect: ControlPacket = {
  type: "CONNECT",
  protocolVersion: 5,
  cleanStart: true,
  keepAliveSeconds: 60,
  clientId: "device-4711",
  userName: "device",
  password: new TextEncoder().encode("secret"),
  properties: { receiveMaximum: 100 },
};

const cases: readonly (readonly [title: string, packet: ControlPacket, version: ProtocolVersion])[] = [
  ["PUBLISH 3.1.1, 64 B", publish(64, 0), 4],
  ["PUBLISH 5.0, 64 B", publish(64, 0), 5],
  ["PUBLISH 5.0, 64 B, 3 User Properties", publish(64, 3), 5],
  ["PUBLISH 5.0, 16 KiB", publish(16_384, 0), 5],
];

for (const [title, packet, version] of cases) {
  const encoded = encodePacket(packet, version);
  const burst = Buffer.concat(Array.from({ length: PACKETS }, () => encoded));
  summary(() => {
    bench(`${title}: read ${PACKETS} in place`, () => {
      const reader = new FrameReader(MAXIMUM_PACKET_SIZE);
      const view = new PublishView();
      reader.feed(burst, 0, burst.length);
      while (reader.next()) {
        decodePublishView(view, reader.bytes, reader.start, reader.bodyStart, reader.end, version, "client");
      }
      do_not_optimize(view.payloadStart);
    });
    bench(`${title}: read ${PACKETS} as objects`, () => {
      const reader = new FrameReader(MAXIMUM_PACKET_SIZE);
      reader.feed(burst, 0, burst.length);
      while (reader.next()) {
        do_not_optimize(
          decodePacket(reader.bytes, reader.start, reader.bodyStart, reader.end, version, "client"),
        );
      }
    });
  });
  bench(`${title}: encode`, () => do_not_optimize(encodePacket(packet, version)));
}

{
  const topic = new TextEncoder().encode("site/12/sensor/temperature");
  const target = Buffer.alloc(1024);
  bench("header of a PUBLISH written in place", () =>
    do_not_optimize(writePublishHeader(target, 0, 5, 0b0010, topic, 0, topic.length, 10, 0, 64)),
  );
}

{
  const encoded = encodePacket(connect, 5);
  const reader = new FrameReader(MAXIMUM_PACKET_SIZE);
  bench("CONNECT 5.0: read", () => {
    reader.feed(encoded, 0, encoded.length);
    reader.next();
    do_not_optimize(decodePacket(reader.bytes, reader.start, reader.bodyStart, reader.end, 5, "client"));
    reader.next();
  });
  bench("CONNECT 5.0: encode", () => do_not_optimize(encodePacket(connect, 5)));
}

await run();
