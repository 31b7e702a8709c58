import {
  type ConnackProperties,
  type ConnectPacket,
  type ControlPacket,
  decodePacket,
  FrameReader,
  PacketType,
  ProtocolError,
  type ProtocolVersion,
  peekProtocolVersion,
  ReasonCode,
  reasonName,
  UnsupportedProtocolVersionError,
} from "@dunlin/protocol";
import { copyBytes, copyOut } from "../arena.ts";
import { writeUint16 } from "../big-endian.ts";
import type { Engine } from "../delivery/engine.ts";
import { pump } from "../delivery/finish-delivery.ts";
import type { CommitWaiter } from "../delivery/group-commit.ts";
import type { Client, Disconnection, RunningAuthentication } from "../handlers/client.ts";
import { handleConnect } from "../handlers/handle-connect.ts";
import type { BrokerLimits } from "../options.ts";
import type { AuthenticationRequest, ClientIdentity } from "../ports/authenticator.ts";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";
import type { EncodedPublish, OutboundAliases } from "../ports/packet-sink.ts";
import type { Topic } from "../routing/topic.ts";
import type { Session } from "../session/session.ts";
import { Timed, TimerWheel } from "../timer-wheel.ts";
import { AcknowledgementQueue } from "./acknowledgement-queue.ts";
import { connectReturnCodeOf } from "./connack.ts";
import type { Connections } from "./connections.ts";
import { dispatch } from "./dispatch.ts";
import { FirstComeAliases } from "./first-come-aliases.ts";
import { fitPacket } from "./fit-packet.ts";
import { OutputQueue } from "./output-queue.ts";

/** From this size on, a payload with QoS 1 or 2 is written from where it is, behind a copied header. */
const LARGE_PUBLISH_BYTES = 8 * 1024;
const DUP = 0x08;
const LARGEST_PACKET_BYTES = 268_435_460;

/** new: no CONNECT yet; connecting: CONNACK is due; established; closing: all has been said; closed. */
type State = "new" | "connecting" | "established" | "closing" | "closed";

/** A network connection: bytes in, packets to their handlers, packets out. */
export class Connection extends Timed implements ByteReceiver, Client, CommitWaiter {
  readonly limits: BrokerLimits;
  readonly listener: Listener;
  readonly origin: StreamOrigin;
  protocolVersion: ProtocolVersion = 4;
  maximumPacketSize: number = LARGEST_PACKET_BYTES;
  outboundAliases: OutboundAliases | null = null;
  authentication: RunningAuthentication | undefined;
  requestProblemInformation = true;

  readonly #engine: Engine;
  readonly #connections: Connections;
  readonly #stream: ByteStream;
  readonly #reader: FrameReader;
  readonly #output: OutputQueue;
  #state: State = "new";
  #connect: ConnectPacket | undefined;
  #session: Session | undefined;
  #identity: ClientIdentity | undefined;
  #inboundAliases: Map<number, Topic<Session>> | undefined;
  #acknowledgements: AcknowledgementQueue | undefined;
  #unstoredPublishes = 0;
  /** A handler takes its time: nothing more is read from this client until it is done. */
  #suspended = false;
  /** What arrived all the same meanwhile. */
  #backlog: Uint8Array[] | undefined;
  #flushDue = false;
  #wasCongested = false;
  #lastReceivedMs: number;
  #keepAliveMs = 0;
  #heldBytes = 0;

  constructor(engine: Engine, connections: Connections, stream: ByteStream, limits: BrokerLimits) {
    super();
    this.#engine = engine;
    this.#connections = connections;
    this.#stream = stream;
    this.limits = limits;
    this.listener = stream.listener;
    this.origin = stream.origin;
    this.#reader = new FrameReader(Math.min(limits.maximumConnectPacketSize, limits.maximumPacketSize));
    this.#output = new OutputQueue(stream, connections.pool);
    this.#lastReceivedMs = engine.wheel.nowMs;
    engine.wheel.schedule(this, engine.wheel.nowMs + limits.connectTimeoutMs);
  }

  get closed(): boolean {
    return this.#state === "closing" || this.#state === "closed";
  }
  get established(): boolean {
    return this.#state === "established";
  }
  get connect(): ConnectPacket {
    return this.#connect!;
  }
  get session(): Session {
    return this.#session!;
  }
  get identity(): ClientIdentity {
    return this.#identity!;
  }
  get listenerName(): string {
    return this.listener.name;
  }
  get inboundAliases(): Map<number, Topic<Session>> {
    this.#inboundAliases ??= new Map();
    return this.#inboundAliases;
  }
  get unacknowledgedPublishes(): number {
    return this.#session!.inboundQoS2.size + this.#unstoredPublishes;
  }
  /** Also true until CONNACK has been sent: nothing may come before it [MQTT-3.2.0-1]. */
  get congested(): boolean {
    const over = this.#state !== "established" || this.#output.pendingBytes > this.limits.maximumOutputBytes;
    if (over) this.#wasCongested = true;
    return over;
  }

  // Bytes in.

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    const { counters, wheel, arena } = this.#engine;
    counters.bytesReceived += end - start;
    this.#lastReceivedMs = wheel.nowMs;
    if (this.closed) return;
    if (this.#suspended) {
      this.#backlog ??= [];
      this.#backlog.push(copyOut(bytes, start, end));
      this.#hold(end - start);
      return;
    }
    const at = arena.reserve(end - start);
    copyBytes(bytes, start, end, arena.bytes, at);
    this.#reader.feed(arena.bytes, at, at + end - start);
    this.#readPackets();
  }

  #readPackets(): void {
    const reader = this.#reader;
    try {
      while (!this.#suspended && !this.closed && reader.next()) {
        this.#engine.counters.packetsReceived++;
        const pending = this.#onPacket(reader);
        if (pending !== undefined) this.#suspendUntil(pending);
      }
    } catch (error) {
      this.#onError(error, reader);
    }
    this.#account();
  }

  #onPacket(reader: FrameReader): void | Promise<void> {
    const { bytes, start, bodyStart, end } = reader;
    if (this.#state === "established") return dispatch(this.#engine, this, bytes, start, bodyStart, end);
    const type = bytes[start]! >> 4;
    if (this.#state === "new") {
      if (type !== PacketType.CONNECT) {
        const clause = "MQTT-3.1.0-1";
        throw new ProtocolError(ReasonCode.ProtocolError, "the first packet is not CONNECT", {
          offset: 0,
          clause,
        });
      }
      const connect = decodePacket(bytes, start, bodyStart, end, 5, "client") as ConnectPacket;
      return handleConnect(this.#engine, this, connect);
    }
    if (type !== PacketType.AUTH && type !== PacketType.DISCONNECT) {
      const clause = "MQTT-3.1.2-30";
      throw new ProtocolError(
        ReasonCode.ProtocolError,
        "a packet before CONNACK is neither AUTH nor DISCONNECT",
        { clause },
      );
    }
    if (type === PacketType.DISCONNECT) {
      this.#close("the client left before CONNACK", true);
      return;
    }
    return dispatch(this.#engine, this, bytes, start, bodyStart, end);
  }

  #suspendUntil(pending: Promise<void>): void {
    this.#suspended = true;
    this.#stream.pause();
    pending.then(
      () => this.#resume(),
      (error: unknown) => {
        this.#onError(error, this.#reader);
        this.#resume();
      },
    );
  }

  #resume(): void {
    this.#suspended = false;
    // It was we who did not listen.
    this.#lastReceivedMs = this.#engine.wheel.nowMs;
    if (this.closed) return;
    this.#readPackets();
    while (!this.#suspended && this.#backlog !== undefined && !this.closed) {
      const chunk = this.#backlog.shift();
      if (this.#backlog.length === 0) this.#backlog = undefined;
      if (chunk === undefined) break;
      this.#hold(-chunk.length);
      this.#reader.feed(chunk, 0, chunk.length);
      this.#readPackets();
    }
    if (!this.#suspended && !this.closed) this.#stream.resume();
  }

  // Bytes out.

  sendEncoded(publish: EncodedPublish): void {
    this.#countPublish(publish);
    this.#output.append(publish.bytes, publish.start, publish.end);
    this.#flushLater();
  }

  sendEncodedAs(publish: EncodedPublish, packetIdentifier: number, dup: boolean): void {
    this.#countPublish(publish);
    const { bytes, start, end, packetIdentifierOffset } = publish;
    const output = this.#output;
    const bodyStart = packetIdentifierOffset + 2;
    const copied = end - start < LARGE_PUBLISH_BYTES ? end : bodyStart;
    // A long Topic Name makes a long header; it has to be copied, for the identifier stands behind it.
    const length = copied - start;
    const direct = length > LARGE_PUBLISH_BYTES;
    const target = direct ? Buffer.allocUnsafe(length) : null;
    const offset = direct ? 0 : output.reserve(length);
    const chunk = target ?? output.chunk;
    copyBytes(bytes, start, copied, chunk, offset);
    if (dup) chunk[offset] = chunk[offset]! | DUP;
    writeUint16(chunk, offset + packetIdentifierOffset - start, packetIdentifier);
    if (target !== null) output.append(target, 0, length);
    if (copied < end) output.append(bytes, copied, end);
    this.#flushLater();
  }

  acknowledge(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
    ticket: number,
    reasonString?: string,
  ): void {
    const { commits } = this.#engine;
    const waiting = this.#acknowledgements;
    if ((waiting === undefined || waiting.length === 0) && ticket <= commits.committed) {
      this.#writeAcknowledgement(packetType, packetIdentifier, reasonCode, reasonString);
      return;
    }
    this.#acknowledgements ??= new AcknowledgementQueue();
    if (this.#acknowledgements.length === 0) commits.wait(this);
    this.#acknowledgements.push(packetType, packetIdentifier, reasonCode, ticket, reasonString);
    if (packetType === PacketType.PUBACK) this.#unstoredPublishes++;
  }

  onCommitted(ticket: number): void {
    const queue = this.#acknowledgements!;
    while (queue.shift(ticket)) {
      const { packetType, packetIdentifier, reasonCode, reasonString } = queue;
      if (packetType === PacketType.PUBACK) this.#unstoredPublishes--;
      this.#writeAcknowledgement(packetType, packetIdentifier, reasonCode, reasonString);
    }
    if (queue.length === 0) this.#engine.commits.stopWaiting(this);
  }

  send(packet: ControlPacket): void {
    const encoded = fitPacket(packet, this);
    if (encoded === undefined) {
      if (packet.type === "CONNACK") this.#close("CONNACK is over the client's Maximum Packet Size", true);
      return;
    }
    this.#engine.counters.packetsSent++;
    this.#output.append(encoded, 0, encoded.length);
    this.#flushLater();
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
      return this.send({ type, packetIdentifier, reasonCode: reasonCode as ReasonCode, properties });
    }
    this.#engine.counters.packetsSent++;
    const explains = reasonCode !== 0 && this.protocolVersion === 5;
    const output = this.#output;
    const offset = output.reserve(explains ? 5 : 4);
    const chunk = output.chunk;
    chunk[offset] = packetType === PacketType.PUBREL ? (packetType << 4) | 2 : packetType << 4;
    chunk[offset + 1] = explains ? 3 : 2;
    writeUint16(chunk, offset + 2, packetIdentifier);
    if (explains) chunk[offset + 4] = reasonCode;
    this.#flushLater();
  }

  #countPublish(publish: EncodedPublish): void {
    const { counters } = this.#engine;
    counters.packetsSent++;
    counters.publishSent++;
    counters.publishBytesSent += publish.end - publish.start;
  }

  #flushLater(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#connections.flushLater(this);
  }

  /** The end of a turn: writes what was gathered. */
  flush(): void {
    this.#flushDue = false;
    if (this.#state === "closed") return;
    const pending = this.#output.pendingBytes;
    this.#output.flush();
    this.#engine.counters.bytesSent += pending - this.#output.pendingBytes;
    this.#afterOutput();
  }

  onDrained(): void {
    if (this.#state === "closed") return;
    this.#output.onDrained();
    this.#afterOutput();
  }

  /** Closes a client that does not read, and goes on with what waited for one that does again. */
  #afterOutput(): void {
    const pending = this.#output.pendingBytes;
    const { maximumOutputBytes } = this.limits;
    this.#account();
    if (pending > 2 * maximumOutputBytes && this.#stream.writableLength > maximumOutputBytes) {
      this.#engine.counters.limits.maximumOutputBytes++;
      const reason = `does not read: ${pending} bytes wait`;
      this.disconnect({ reasonCode: ReasonCode.QuotaExceeded, reason, byClient: false, withWill: true });
      this.#stream.destroy();
    } else if (this.#wasCongested && this.#state === "established" && pending <= maximumOutputBytes) {
      this.#wasCongested = false;
      pump(this.#engine, this.session);
    }
  }

  // Life.

  begin(connect: ConnectPacket): void {
    this.#state = "connecting";
    this.#connect = connect;
    this.protocolVersion = connect.protocolVersion;
    const { maximumPacketSize, requestProblemInformation, topicAliasMaximum } = connect.properties;
    this.maximumPacketSize = maximumPacketSize ?? LARGEST_PACKET_BYTES;
    this.requestProblemInformation = requestProblemInformation ?? true;
    const aliases = Math.min(topicAliasMaximum ?? 0, this.limits.outboundTopicAliasMaximum);
    if (aliases > 0) this.outboundAliases = new FirstComeAliases(aliases);
  }

  request(clientId: string): AuthenticationRequest {
    return { connect: this.connect, clientId, origin: this.origin, listenerName: this.listenerName };
  }

  attach(session: Session, identity: ClientIdentity, keepAliveSeconds: number): void {
    this.#session = session;
    this.#identity = identity;
    this.#keepAliveMs = keepAliveSeconds * 1500; // [MQTT-3.1.2-22]
    session.sink = this;
    this.#engine.counters.clientsConnected++;
  }

  accepted(): void {
    this.#state = "established";
    this.#reader.maximumPacketSize = this.limits.maximumPacketSize;
    this.#engine.wheel.cancel(this);
    this.#scheduleKeepAlive();
  }

  refuse(reasonCode: ReasonCode, reason: string, properties?: ConnackProperties): void {
    if (this.closed) return;
    const clientId = this.#connect?.clientId ?? "";
    const { remoteAddress } = this.origin;
    const code = reasonName(reasonCode, "CONNACK");
    this.#engine.options.logger.info(
      { clientId, remoteAddress, listener: this.listenerName, code, reason },
      "a client was refused",
    );
    this.#engine.events.emit("clientRefused", { clientId, remoteAddress, reason });
    this.send({
      type: "CONNACK",
      sessionPresent: false,
      reasonCode: this.protocolVersion === 5 ? reasonCode : connectReturnCodeOf(reasonCode),
      properties: { reasonString: reason, ...properties },
    });
    this.#close(reason, true);
  }

  disconnect(disconnection: Disconnection): void {
    if (this.closed) return;
    const { reasonCode, reason, byClient, withWill, serverReference } = disconnection;
    if (!byClient && this.#state === "established" && this.protocolVersion === 5) {
      this.send({ type: "DISCONNECT", reasonCode, properties: { reasonString: reason, serverReference } });
    }
    this.#close(reason, withWill, reasonCode, byClient);
  }

  /** Closes at once, whatever is left to send. */
  destroy(): void {
    this.#stream.destroy();
  }

  takenOver(): void {
    const reason = "another connection took the session over";
    this.disconnect({ reasonCode: ReasonCode.SessionTakenOver, reason, byClient: false, withWill: true });
  }

  override onDeadline(): void {
    if (this.closed) return;
    if (this.#state !== "established") {
      this.#engine.counters.limits.connectTimeoutMs++;
      return this.#close(`not connected within ${this.limits.connectTimeoutMs} ms`, true);
    }
    if (this.#suspended) this.#lastReceivedMs = this.#engine.wheel.nowMs;
    if (this.#engine.wheel.nowMs - this.#lastReceivedMs < this.#keepAliveMs) return this.#scheduleKeepAlive();
    this.#engine.counters.keepAliveTimeouts++;
    const reason = `nothing received for ${this.#keepAliveMs / 1000} s, one and a half times the Keep Alive`;
    this.disconnect({ reasonCode: ReasonCode.KeepAliveTimeout, reason, byClient: false, withWill: true });
  }

  onClosed(error?: Error): void {
    if (!this.closed) this.#close(error?.message ?? "the network connection was closed", true);
    this.#state = "closed";
    this.#output.discard();
    this.#connections.delete(this);
  }

  #scheduleKeepAlive(): void {
    if (this.#keepAliveMs === 0) return;
    // What was received within a tick counts from the tick's beginning: one tick more, so as never to be early.
    this.#engine.wheel.schedule(this, this.#lastReceivedMs + this.#keepAliveMs + TimerWheel.tickMs);
  }

  #onError(error: unknown, reader: FrameReader): void {
    if (this.closed) return;
    const { counters, options } = this.#engine;
    const clientId = this.#identity?.clientId ?? this.#connect?.clientId ?? "";
    const { remoteAddress } = this.origin;
    if (!(error instanceof ProtocolError)) {
      options.logger.error({ error, clientId, remoteAddress }, "a handler failed");
      const reason = "internal error";
      if (this.#state === "connecting") return this.refuse(ReasonCode.UnspecifiedError, reason);
      return this.disconnect({
        reasonCode: ReasonCode.UnspecifiedError,
        reason,
        byClient: false,
        withWill: true,
      });
    }
    counters.protocolErrors++;
    if (error.reasonCode === ReasonCode.PacketTooLarge) {
      counters.limits[this.#state === "new" ? "maximumConnectPacketSize" : "maximumPacketSize"]++;
    }
    const { packet, offset, clause, message: reason, reasonCode } = error;
    const code = reasonName(reasonCode, "DISCONNECT");
    options.logger.warn(
      { clientId, remoteAddress, listener: this.listenerName, packet, offset, clause, code, reason },
      "a client broke the protocol",
    );
    if (this.#state === "established") {
      return this.disconnect({ reasonCode, reason, byClient: false, withWill: true });
    }
    this.#answerBadConnect(error, reader);
  }

  /** A client that cannot be understood is answered only where its version is known. */
  #answerBadConnect(error: ProtocolError, reader: FrameReader): void {
    const version =
      this.#state === "connecting"
        ? this.protocolVersion
        : error instanceof UnsupportedProtocolVersionError
          ? error.connackVersion
          : peekProtocolVersion(reader.bytes, reader.bodyStart, reader.end);
    const answers =
      version === 5 || (version === 4 && error.reasonCode === ReasonCode.UnsupportedProtocolVersion);
    if (!answers) return this.#close(error.message, true);
    this.protocolVersion = version;
    this.refuse(error.reasonCode, error.message);
  }

  /** All has been said: what was gathered is still sent, nothing more is read. */
  #close(
    reason: string,
    withWill: boolean,
    reasonCode: ReasonCode = ReasonCode.UnspecifiedError,
    byClient = false,
  ): void {
    if (this.closed) return;
    const session = this.#session;
    const wasEstablished = this.established;
    const { wheel, commits, counters, events, ends, options } = this.#engine;
    this.#state = "closing";
    wheel.cancel(this);
    commits.stopWaiting(this);
    this.#backlog = undefined;
    this.#account();
    this.#output.finish();
    this.#stream.end();
    if (session === undefined || session.sink !== this) return;
    counters.clientsConnected--;
    const client = this.identity;
    if (wasEstablished) {
      options.logger.debug({ clientId: client.clientId, reason }, "a client disconnected");
      events.emit("clientDisconnected", { client, reasonCode, reason, byClient });
    }
    ends.onDisconnected(session, withWill);
  }

  /** Keeps the broker's account of the bytes that this connection holds. */
  #account(): void {
    let held = this.#reader.bufferedBytes;
    if (this.closed) held = 0;
    else {
      const output = this.#output.pendingBytes;
      if (output > LARGE_PUBLISH_BYTES) held += output;
    }
    for (const chunk of this.#backlog ?? []) held += chunk.length;
    this.#engine.memory.add(held - this.#heldBytes);
    this.#heldBytes = held;
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#engine.memory.add(bytes);
  }
}
