import { type ConnectPacket, type ControlPacket, PacketType, type ProtocolVersion } from "@dunlin/protocol";
import { copyBytes } from "../arena.ts";
import { writeUint16 } from "../big-endian.ts";
import type { Engine } from "../delivery/engine.ts";
import type { CommitWaiter } from "../delivery/group-commit.ts";
import type { BrokerLimits } from "../options.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { EncodedPublish, OutboundAliases, PacketSink } from "../ports/packet-sink.ts";
import { Timed } from "../timer-wheel.ts";
import { AcknowledgementQueue } from "./acknowledgement-queue.ts";
import { FirstComeAliases } from "./first-come-aliases.ts";
import { fitPacket } from "./fit-packet.ts";
import { type ChunkPool, OutputQueue } from "./output-queue.ts";

/** From this size on, a payload with QoS 1 or 2 is written from where it is, behind a copied header. */
const LARGE_PUBLISH_BYTES = 8 * 1024;
const DUP = 0x08;
/** The largest packet that MQTT can express. */
const LARGEST_PACKET_BYTES = 268_435_460;

/** Has `flush` called at the end of this turn of the event loop. */
export interface TurnEnd {
  readonly pool: ChunkPool;
  flushLater(connection: PacketWriter): void;
}

/** The sending half of a connection: packets become bytes, gathered and written once a turn. */
export abstract class PacketWriter extends Timed implements PacketSink, CommitWaiter {
  readonly limits: BrokerLimits;
  protocolVersion: ProtocolVersion = 4;
  maximumPacketSize: number = LARGEST_PACKET_BYTES;
  outboundAliases: OutboundAliases | null = null;
  requestProblemInformation = true;
  /** Publishes with QoS 1 whose PUBACK waits for the store. */
  protected unstoredPublishes = 0;
  protected readonly engine: Engine;
  protected readonly output: OutputQueue;
  readonly #turnEnd: TurnEnd;
  #acknowledgements: AcknowledgementQueue | undefined;
  #flushDue = false;
  #wasCongested = false;
  /** Bytes that had to be appended though too many waited already. */
  #excessBytes = 0;

  constructor(engine: Engine, turnEnd: TurnEnd, stream: ByteStream, limits: BrokerLimits) {
    super();
    this.engine = engine;
    this.limits = limits;
    this.#turnEnd = turnEnd;
    const { transport } = stream.origin;
    const encrypts = transport === "tls" || transport === "wss";
    this.output = new OutputQueue(stream, turnEnd.pool, encrypts ? null : engine.memory);
  }

  abstract readonly closed: boolean;
  abstract readonly established: boolean;
  abstract takenOver(): void;
  /** What waits for the client is too much: it does not read. */
  protected abstract onUnread(): void;
  /** CONNACK does not fit the client's Maximum Packet Size. */
  protected abstract onCannotAnswer(): void;
  /** There is room again for what had to wait. */
  protected abstract onRoom(): void;
  /** Bytes were written, or are waiting. */
  protected abstract onOutput(): void;

  /** What a client is sent from now on is as its CONNECT asks. */
  protected obey(connect: ConnectPacket): void {
    this.protocolVersion = connect.protocolVersion;
    const { maximumPacketSize, requestProblemInformation, topicAliasMaximum } = connect.properties;
    this.maximumPacketSize = maximumPacketSize ?? LARGEST_PACKET_BYTES;
    this.requestProblemInformation = requestProblemInformation ?? true;
    const aliases = Math.min(topicAliasMaximum ?? 0, this.limits.outboundTopicAliasMaximum);
    if (aliases > 0) this.outboundAliases = new FirstComeAliases(aliases);
  }

  /** Also true until CONNACK has been sent: nothing may come before it [MQTT-3.2.0-1]. */
  get congested(): boolean {
    const over = !this.established || this.output.pendingBytes > this.limits.maximumOutputBytes;
    if (over) this.#wasCongested = true;
    return over;
  }

  sendEncoded(publish: EncodedPublish): void {
    this.#countPublish(publish);
    this.output.append(publish.bytes, publish.start, publish.end);
    this.#appendPayload(publish);
    this.flushLater();
  }

  sendEncodedAs(publish: EncodedPublish, packetIdentifier: number, dup: boolean): void {
    this.#countPublish(publish);
    if (publish.exclusive) this.#appendInPlace(publish, packetIdentifier, dup);
    else this.#appendCopy(publish, packetIdentifier, dup);
    this.#appendPayload(publish);
    this.flushLater();
  }

  #appendPayload({ payloadBytes, payloadStart, payloadEnd }: EncodedPublish): void {
    if (payloadBytes !== null) this.output.append(payloadBytes, payloadStart, payloadEnd);
  }

  /** The packet goes on as it was received, but for two bytes. */
  #appendInPlace(publish: EncodedPublish, packetIdentifier: number, dup: boolean): void {
    const { bytes, start, end, packetIdentifierOffset } = publish;
    writeUint16(bytes, packetIdentifierOffset, packetIdentifier);
    if (dup) bytes[start] = bytes[start]! | DUP;
    this.output.append(bytes, start, end);
  }

  #appendCopy(publish: EncodedPublish, packetIdentifier: number, dup: boolean): void {
    const { bytes, start, end, packetIdentifierOffset } = publish;
    const { output } = this;
    const copied = end - start < LARGE_PUBLISH_BYTES ? end : packetIdentifierOffset + 2;
    const length = copied - start;
    // A long Topic Name makes a long header; it has to be copied, for the identifier stands behind it.
    const direct = length > LARGE_PUBLISH_BYTES;
    const target = direct ? Buffer.allocUnsafe(length) : null;
    const offset = direct ? 0 : output.reserve(length);
    const chunk = target ?? output.chunk;
    copyBytes(bytes, start, copied, chunk, offset);
    if (dup) chunk[offset] = chunk[offset]! | DUP;
    writeUint16(chunk, offset + packetIdentifierOffset - start, packetIdentifier);
    if (target !== null) output.append(target, 0, length);
    if (copied < end) output.append(bytes, copied, end);
  }

  acknowledge(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
    ticket: number,
    reasonString?: string,
  ): void {
    const { commits } = this.engine;
    const waiting = this.#acknowledgements;
    if ((waiting === undefined || waiting.length === 0) && ticket <= commits.committed) {
      this.#writeAcknowledgement(packetType, packetIdentifier, reasonCode, reasonString);
      return;
    }
    this.#acknowledgements ??= new AcknowledgementQueue();
    if (this.#acknowledgements.length === 0) commits.wait(this);
    this.#acknowledgements.push(packetType, packetIdentifier, reasonCode, ticket, reasonString);
    if (packetType === PacketType.PUBACK) this.unstoredPublishes++;
  }

  /** Until as many acknowledgements have left as may be owed to a client; undefined: there are no more than that. */
  protected untilAcknowledged(): Promise<void> | undefined {
    const waiting = this.#acknowledgements;
    if (waiting === undefined || waiting.length <= this.limits.receiveMaximum) return undefined;
    this.engine.counters.limits.receiveMaximum++;
    return this.engine.commits.stored();
  }

  onCommitted(ticket: number): void {
    const queue = this.#acknowledgements!;
    while (queue.shift(ticket)) {
      const { packetType, packetIdentifier, reasonCode, reasonString } = queue;
      if (packetType === PacketType.PUBACK) this.unstoredPublishes--;
      this.#writeAcknowledgement(packetType, packetIdentifier, reasonCode, reasonString);
    }
    if (queue.length === 0) this.engine.commits.stopWaiting(this);
  }

  send(packet: ControlPacket): void {
    const encoded = fitPacket(packet, this);
    if (encoded === undefined) {
      if (packet.type === "CONNACK") this.onCannotAnswer();
      return;
    }
    this.engine.counters.packetsSent++;
    this.output.append(encoded, 0, encoded.length);
    this.#countExcess(encoded.length);
    this.flushLater();
  }

  #writeAcknowledgement(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
    reasonString: string | undefined,
  ): void {
    if (this.closed) return;
    if (reasonString !== undefined && this.protocolVersion === 5) {
      // Only what a client published is explained.
      const type = packetType === PacketType.PUBACK ? "PUBACK" : "PUBREC";
      const properties = { reasonString };
      return this.send({ type, packetIdentifier, reasonCode, properties } as ControlPacket);
    }
    this.engine.counters.packetsSent++;
    const explains = reasonCode !== 0 && this.protocolVersion === 5;
    const output = this.output;
    const offset = output.reserve(explains ? 5 : 4);
    const chunk = output.chunk;
    chunk[offset] = packetType === PacketType.PUBREL ? (packetType << 4) | 2 : packetType << 4;
    chunk[offset + 1] = explains ? 3 : 2;
    writeUint16(chunk, offset + 2, packetIdentifier);
    if (explains) chunk[offset + 4] = reasonCode;
    this.#countExcess(5);
    this.flushLater();
  }

  #countPublish(publish: EncodedPublish): void {
    const { counters } = this.engine;
    counters.packetsSent++;
    counters.publishSent++;
    counters.publishBytesSent += publish.size;
  }

  protected flushLater(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#turnEnd.flushLater(this);
  }

  /** Messages wait or are dropped while too much is pending; what cannot wait is counted, and bounded as well. */
  #countExcess(bytes: number): void {
    if (this.output.pendingBytes <= this.limits.maximumOutputBytes) {
      this.#excessBytes = 0;
      return;
    }
    this.#excessBytes += bytes;
    if (this.#excessBytes > this.limits.maximumOutputBytes && this.established) this.onUnread();
  }

  /** The end of a turn: writes what was gathered. */
  flush(): void {
    this.#flushDue = false;
    this.output.flush();
    this.#afterOutput();
  }

  protected countWritten(): void {
    this.engine.counters.bytesSent += this.output.writtenBytes;
    this.output.writtenBytes = 0;
  }

  onDrained(): void {
    this.output.onDrained();
    this.#afterOutput();
  }

  #afterOutput(): void {
    this.countWritten();
    this.onOutput();
    if (!this.#wasCongested || !this.established) return;
    if (this.output.pendingBytes > this.limits.maximumOutputBytes) return;
    this.#wasCongested = false;
    this.onRoom();
  }
}
