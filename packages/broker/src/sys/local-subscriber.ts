import {
  type ControlPacket,
  decodePacket,
  FrameReader,
  type ProtocolVersion,
  type PublishPacket,
} from "@dunlin/protocol";
import { copyBytes } from "../arena.ts";
import type { EncodedPublish, PacketSink } from "../ports/packet-sink.ts";

/** A subscriber inside the embedding program: nothing lies between it and the broker, so QoS 0 loses nothing. */
export class LocalSubscriber implements PacketSink {
  readonly protocolVersion: ProtocolVersion = 5;
  readonly maximumPacketSize: number = Number.MAX_SAFE_INTEGER;
  readonly congested = false;
  readonly outboundAliases: null = null;
  readonly #onMessage: (message: PublishPacket) => void;
  readonly #onError: (error: unknown) => void;
  readonly #reader = new FrameReader(Number.MAX_SAFE_INTEGER);

  /** `onError` gets what `onMessage` throws: it is no business of who published. */
  constructor(onMessage: (message: PublishPacket) => void, onError: (error: unknown) => void) {
    this.#onMessage = onMessage;
    this.#onError = onError;
  }

  sendEncoded(publish: EncodedPublish): void {
    const reader = this.#reader;
    // The program may keep the payload for as long as it likes.
    const { bytes, start, end, payloadBytes, payloadStart, payloadEnd, size } = publish;
    const copy = Buffer.allocUnsafe(size);
    copyBytes(bytes, start, end, copy, 0);
    if (payloadBytes !== null) copyBytes(payloadBytes, payloadStart, payloadEnd, copy, end - start);
    reader.feed(copy, 0, size);
    while (reader.next()) {
      const packet = decodePacket(reader.bytes, reader.start, reader.bodyStart, reader.end, 5, "server");
      if (packet.type === "PUBLISH") this.#tell(packet);
    }
  }

  #tell(message: PublishPacket): void {
    try {
      this.#onMessage(message);
    } catch (error) {
      this.#onError(error);
    }
  }

  // Subscribed with QoS 0 and without a connection: none of these can come.
  sendEncodedAs(_publish: EncodedPublish): void {}
  acknowledge(): void {}
  send(_packet: ControlPacket): void {}
  takenOver(): void {}
}
