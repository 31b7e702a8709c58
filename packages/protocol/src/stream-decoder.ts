import { decodePacket } from "./decode-packet.ts";
import { FrameReader } from "./frame-reader.ts";
import type { Sender } from "./packet-type.ts";
import type { ControlPacket } from "./packets.ts";
import type { ProtocolVersion } from "./protocol-version.ts";

export interface StreamDecoderOptions {
  /** Until a CONNECT says another. */
  readonly version: ProtocolVersion;
  /** Whose packets are read. */
  readonly sender: Sender;
  /** Bytes of a whole packet. */
  readonly maximumPacketSize: number;
}

/** Turns a byte stream split anywhere into packets: a FrameReader and `decodePacket` for clients and tests. */
export class StreamDecoder {
  /** Version of the connection; a CONNECT sets it. */
  version: ProtocolVersion;
  private readonly sender: Sender;
  private readonly reader: FrameReader;

  constructor(options: StreamDecoderOptions) {
    this.version = options.version;
    this.sender = options.sender;
    this.reader = new FrameReader(options.maximumPacketSize);
  }

  /** Size in bytes of the incomplete packet held. */
  get bufferedBytes(): number {
    return this.reader.bufferedBytes;
  }

  /**
   * The packets that `chunk` completes. The chunk is copied: it may be used again, and the results stay valid.
   * Throws a ProtocolError, after which the decoder must not be used: where the next packet begins is unknown.
   */
  push(chunk: Uint8Array): ControlPacket[] {
    const reader = this.reader;
    const packets: ControlPacket[] = [];
    reader.feed(Uint8Array.from(chunk), 0, chunk.length);
    while (reader.next()) {
      const packet = decodePacket(
        reader.bytes,
        reader.start,
        reader.bodyStart,
        reader.end,
        this.version,
        this.sender,
      );
      if (packet.type === "CONNECT") this.version = packet.protocolVersion;
      packets.push(packet);
    }
    return packets;
  }
}
