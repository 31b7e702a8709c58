import {
  decodePublishView,
  encodePacket,
  FrameReader,
  type ProtocolVersion,
  PublishView,
  type QoS,
} from "@dunlin/protocol";
import type { LoadPlan, LoadTopic } from "./load-plan.ts";
import { createPayload, stampPayload } from "./payload.ts";

/** Bytes of encoded packets per publisher, beyond what one of each topic takes. */
const RING_BYTES_MAXIMUM = 128 * 1024;

/**
 * The PUBLISH packets of a publisher, encoded once and side by side: to send some of them, identifiers, sequence
 * numbers and times are patched where they stand and the range is written as it is.
 */
export class PacketRing {
  readonly bytes: Uint8Array;
  readonly slots: number;
  /** By slot: its subscriber, where each subscriber gets a stream of its own. */
  readonly streams: Uint32Array;
  readonly #view: DataView;
  /** By slot, and behind the last one. */
  readonly #starts: Uint32Array;
  readonly #identifierOffsets: Uint32Array;
  readonly #payloadOffsets: Uint32Array;
  readonly #qos: QoS;

  constructor(plan: LoadPlan, publisher: number, topics: readonly LoadTopic[], version: ProtocolVersion) {
    const payload = createPayload(plan.payloadBytes, plan.runId, publisher);
    const packets = topics.map(({ topicName }) => encodePublish(plan, topicName, payload, version));
    const onePass = packets.reduce((sum, packet) => sum + packet.length, 0);
    const fitting = Math.max(1, Math.floor(RING_BYTES_MAXIMUM / onePass));
    const passes = Math.min(Math.ceil(plan.batch / topics.length), fitting);
    this.slots = passes * topics.length;
    this.bytes = Buffer.allocUnsafeSlow(passes * onePass);
    this.#view = new DataView(this.bytes.buffer);
    this.streams = new Uint32Array(this.slots);
    this.#starts = new Uint32Array(this.slots + 1);
    this.#identifierOffsets = new Uint32Array(this.slots);
    this.#payloadOffsets = new Uint32Array(this.slots);
    this.#qos = plan.publishQoS;
    for (let slot = 0; slot < this.slots; slot++) {
      const topic = slot % topics.length;
      this.#place(slot, packets[topic]!, version);
      this.streams[slot] = topics[topic]!.stream;
    }
  }

  startOf(slot: number): number {
    return this.#starts[slot]!;
  }

  patch(slot: number, packetIdentifier: number, sequence: number, time: number): void {
    if (this.#qos > 0) this.#view.setUint16(this.#identifierOffsets[slot]!, packetIdentifier);
    stampPayload(this.#view, this.#payloadOffsets[slot]!, sequence, time);
  }

  #place(slot: number, packet: Uint8Array, version: ProtocolVersion): void {
    const start = this.#starts[slot]!;
    this.bytes.set(packet, start);
    this.#starts[slot + 1] = start + packet.length;
    const view = viewOf(packet, version);
    this.#identifierOffsets[slot] = start + view.packetIdentifierOffset;
    this.#payloadOffsets[slot] = start + view.payloadStart;
  }
}

function encodePublish(
  plan: LoadPlan,
  topicName: string,
  payload: Uint8Array,
  version: ProtocolVersion,
): Uint8Array {
  const { publishQoS: qos, retain, publishProperties: properties } = plan;
  const packetIdentifier = qos > 0 ? 1 : undefined;
  return encodePacket(
    { type: "PUBLISH", topicName, payload, qos, retain, dup: false, packetIdentifier, properties },
    version,
  );
}

function viewOf(packet: Uint8Array, version: ProtocolVersion): PublishView {
  const reader = new FrameReader(packet.length);
  reader.feed(packet, 0, packet.length);
  reader.next();
  const view = new PublishView();
  decodePublishView(view, reader.bytes, reader.start, reader.bodyStart, reader.end, version, "client");
  return view;
}
