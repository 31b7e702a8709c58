import {
  type ConnackProperties,
  type ConnectPacket,
  decodePacket,
  FrameReader,
  PacketType,
  ProtocolError,
  ReasonCode,
} from "@dunlin/protocol";
import { copyOut } from "../arena.ts";
import type { Engine } from "../delivery/engine.ts";
import { pump } from "../delivery/finish-delivery.ts";
import {
  type Client,
  type Disconnection,
  endedByBroker,
  type RunningAuthentication,
} from "../handlers/client.ts";
import { handleConnect } from "../handlers/handle-connect.ts";
import { InboundAliases } from "../handlers/inbound-aliases.ts";
import type { BrokerLimits } from "../options.ts";
import type { AuthenticationRequest, ClientIdentity } from "../ports/authenticator.ts";
import type { ByteReceiver, ByteStream, StreamOrigin } from "../ports/byte-stream.ts";
import type { Listener } from "../ports/listener.ts";
import type { Session } from "../session/session.ts";
import { TimerWheel } from "../timer-wheel.ts";
import { answerableVersion, checkBeforeConnack, strangerError } from "./before-connack.ts";
import * as clientLog from "./client-log.ts";
import { connectReturnCodeOf } from "./connack.ts";
import type { Connections } from "./connections.ts";
import { dispatch } from "./dispatch.ts";
import { feedCopy } from "./feed-copy.ts";
import { PacketWriter } from "./packet-writer.ts";

/** What waits less than this for a client is not worth counting in the memory budget. */
const COUNTED_OUTPUT_BYTES = 8 * 1024;

/** new: no CONNECT yet; connecting: CONNACK is due; established; closing: all has been said; closed. */
type State = "new" | "connecting" | "established" | "closing" | "closed";

/** A network connection: bytes in, packets to their handlers, packets out. */
export class Connection extends PacketWriter implements ByteReceiver, Client {
  readonly listener: Listener;
  readonly origin: StreamOrigin;
  authentication: RunningAuthentication | undefined;

  readonly #connections: Connections;
  readonly #stream: ByteStream;
  readonly #reader: FrameReader;
  #state: State = "new";
  #connect: ConnectPacket | undefined;
  #session: Session | undefined;
  #identity: ClientIdentity | undefined;
  #inboundAliases: InboundAliases | undefined;
  /** A handler takes its time, or others wait for their turn: nothing more is read from this client until then. */
  #suspended = false;
  #turn = 0;
  #turnBytes = 0;
  /** What arrived all the same meanwhile. */
  #backlog: Uint8Array[] | undefined;
  #lastReceivedMs: number;
  #keepAliveMs = 0;
  #pendingAtDeadline = -1;
  #heldBytes = 0;

  constructor(engine: Engine, connections: Connections, stream: ByteStream, limits: BrokerLimits) {
    super(engine, connections, stream, limits);
    this.#connections = connections;
    this.#stream = stream;
    this.listener = stream.listener;
    this.origin = stream.origin;
    this.#reader = new FrameReader(Math.min(limits.maximumConnectPacketSize, limits.maximumPacketSize));
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
  get authenticationMethod(): string | undefined {
    return this.#connect?.properties.authenticationMethod;
  }
  get session(): Session {
    return this.#session!;
  }
  get identity(): ClientIdentity {
    return this.#identity!;
  }
  /** "" as long as it is not known. */
  get clientId(): string {
    return this.#identity?.clientId ?? this.#connect?.clientId ?? "";
  }
  get listenerName(): string {
    return this.listener.name;
  }
  get inboundAliases(): InboundAliases {
    this.#inboundAliases ??= new InboundAliases();
    return this.#inboundAliases;
  }
  get unacknowledgedPublishes(): number {
    return this.#session!.inboundQoS2.sizeSinceResumed + this.unstoredPublishes;
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    const { counters, wheel, arena } = this.engine;
    counters.bytesReceived += end - start;
    this.#lastReceivedMs = wheel.nowMs;
    if (this.closed) return;
    if (this.#suspended) {
      this.#backlog ??= [];
      this.#backlog.push(copyOut(bytes, start, end));
      this.#hold(end - start);
      return;
    }
    const stranger = this.#state === "new" ? strangerError(this.#reader, bytes, start, end) : undefined;
    if (stranger !== undefined) return this.#onError(stranger, this.#reader);
    this.#connections.beginRead();
    feedCopy(this.#reader, arena, bytes, start, end);
    this.#readPackets();
    this.#countTurn(end - start);
  }

  #countTurn(bytes: number): void {
    const { turn } = this.#connections;
    this.#turnBytes = this.#turn === turn ? this.#turnBytes + bytes : bytes;
    this.#turn = turn;
    if (this.#turnBytes < this.limits.maximumReadBytesPerTurn || this.#suspended || this.closed) return;
    this.#turnBytes = 0;
    this.engine.counters.limits.maximumReadBytesPerTurn++;
    this.#suspendUntil(this.engine.nextTurn());
  }

  #readPackets(): void {
    const reader = this.#reader;
    const { share } = this.#connections;
    try {
      while (!this.#suspended && !this.closed && reader.next()) {
        this.engine.counters.packetsReceived++;
        const pending = this.#onPacket(reader) ?? this.untilAcknowledged();
        if (pending !== undefined) this.#suspendUntil(pending);
        else if (share.isUsedUp(reader.bytes[reader.start]! >> 4)) this.#suspendUntil(this.engine.nextTurn());
      }
    } catch (error) {
      this.#onError(error, reader);
    }
    this.#account();
  }

  #onPacket(reader: FrameReader): void | Promise<void> {
    const { bytes, start, bodyStart, end } = reader;
    if (this.#state === "established") return dispatch(this.engine, this, bytes, start, bodyStart, end);
    const type = bytes[start]! >> 4;
    if (this.#state === "new") {
      // What is kept of it for long must not hold on to the arena.
      const copy = copyOut(bytes, start, end);
      const connect = decodePacket(copy, 0, bodyStart - start, copy.length, 5, "client") as ConnectPacket;
      return handleConnect(this.engine, this, connect);
    }
    checkBeforeConnack(type);
    if (type === PacketType.AUTH) return dispatch(this.engine, this, bytes, start, bodyStart, end);
    this.#close("the client left before CONNACK", true);
  }

  #suspendUntil(pending: Promise<void>): void {
    this.#suspended = true;
    this.engine.arena.hold(this.#reader.unread);
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
    this.#lastReceivedMs = this.engine.wheel.nowMs;
    if (this.closed) return;
    if (this.#connections.share.isUsedUp(0)) return this.#suspendUntil(this.engine.nextTurn());
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

  protected override onUnread(): void {
    this.engine.counters.limits.maximumOutputBytes++;
    this.#closeUnread(`does not read: ${this.output.pendingBytes} bytes wait`);
  }

  protected override onCannotAnswer(): void {
    this.#close("CONNACK is over the client's Maximum Packet Size", true);
  }

  protected override onRoom(): void {
    pump(this.engine, this.session);
  }

  protected override onOutput(): void {
    this.#account();
  }

  /** Bytes of the memory budget that the end of this connection sets free. */
  get heldBytes(): number {
    const held = this.#heldBytes + this.output.sharedBytes;
    return this.#session?.sink === this ? held + this.#session.heldBytes : held;
  }

  /** Memory is short, and it holds much of it. */
  makeRoom(): void {
    this.engine.counters.limits.memoryBudgetBytes++;
    const reason = `memory is short, and ${this.heldBytes} bytes wait for it`;
    if (this.output.pendingBytes > COUNTED_OUTPUT_BYTES) this.#closeUnread(reason);
    else this.disconnect(endedByBroker(ReasonCode.QuotaExceeded, reason));
  }

  #closeUnread(reason: string): void {
    // No DISCONNECT: it would wait behind all that is not read.
    this.#close(reason, true, ReasonCode.QuotaExceeded);
    this.#stream.destroy();
  }

  begin(connect: ConnectPacket): void {
    this.#state = "connecting";
    this.#connect = connect;
    this.obey(connect);
  }

  request(clientId: string): AuthenticationRequest {
    return { connect: this.connect, clientId, origin: this.origin, listenerName: this.listenerName };
  }

  attach(session: Session, identity: ClientIdentity, keepAliveSeconds: number): void {
    this.#session = session;
    this.#identity = identity;
    this.#keepAliveMs = keepAliveSeconds * 1500; // [MQTT-3.1.2-22]
    session.sink = this;
    this.engine.counters.clientsConnected++;
  }

  accepted(): void {
    this.#state = "established";
    // Secrets and a will's payload are not kept; only another authentication would ask for them again.
    if (this.authenticationMethod === undefined) this.#connect = undefined;
    this.#reader.maximumPacketSize = this.limits.maximumPacketSize;
    this.#reader.maximumNonPublishPacketSize = this.limits.maximumNonPublishPacketSize;
    this.engine.wheel.cancel(this);
    this.#scheduleKeepAlive();
    clientLog.noteConnected(this.engine, this);
  }

  refuse(reasonCode: ReasonCode, reason: string, properties?: ConnackProperties): void {
    if (this.closed) return;
    clientLog.noteRefusal(this.engine, this, reasonCode, reason);
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
    this.disconnect(endedByBroker(ReasonCode.SessionTakenOver, "another connection took the session over"));
  }

  override onDeadline(): void {
    if (this.closed) return;
    if (this.#state !== "established") {
      this.engine.counters.limits.connectTimeoutMs++;
      return this.#close(`not connected within ${this.limits.connectTimeoutMs} ms`, true);
    }
    if (this.#suspended) this.#excuseSilence();
    if (this.engine.wheel.nowMs - this.#lastReceivedMs < this.#keepAliveMs) return this.#scheduleKeepAlive();
    this.engine.counters.keepAliveTimeouts++;
    const reason = `nothing received for ${this.#keepAliveMs / 1000} s, one and a half times the Keep Alive`;
    this.disconnect(endedByBroker(ReasonCode.KeepAliveTimeout, reason));
  }

  /** It is we who do not listen; but where we wait for the client to read, it has to read something. */
  #excuseSilence(): void {
    const { pendingBytes } = this.output;
    const reads = !this.congested || pendingBytes !== this.#pendingAtDeadline;
    if (reads) this.#lastReceivedMs = this.engine.wheel.nowMs;
    this.#pendingAtDeadline = pendingBytes;
  }

  onClosed(error?: Error): void {
    if (!this.closed) this.#close(error?.message ?? "the network connection was closed", true);
    this.#state = "closed";
    this.output.discard();
    this.#connections.delete(this);
  }

  #scheduleKeepAlive(): void {
    if (this.#keepAliveMs === 0) return;
    // What was received within a tick counts from the tick's beginning: one tick more, so as never to be early.
    this.engine.wheel.schedule(this, this.#lastReceivedMs + this.#keepAliveMs + TimerWheel.tickMs);
  }

  #onError(error: unknown, reader: FrameReader): void {
    if (this.closed) return;
    if (!(error instanceof ProtocolError)) {
      clientLog.noteFailure(this.engine, this, error);
      if (this.#state === "connecting") return this.refuse(ReasonCode.UnspecifiedError, "internal error");
      return this.disconnect(endedByBroker(ReasonCode.UnspecifiedError, "internal error"));
    }
    clientLog.noteProtocolError(this.engine, this, error);
    if (this.#state === "established") this.disconnect(endedByBroker(error.reasonCode, error.message));
    else this.#answerBadConnect(error, reader);
  }

  /** A client that cannot be understood is answered only where its version is known. */
  #answerBadConnect(error: ProtocolError, reader: FrameReader): void {
    const known = this.#state === "connecting" ? this.protocolVersion : undefined;
    const version = answerableVersion(known, error, reader);
    if (version === undefined) return this.#close(error.message, true);
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
    const { wheel, commits, counters, events, ends } = this.engine;
    this.#state = "closing";
    wheel.cancel(this);
    commits.stopWaiting(this);
    this.#backlog = this.#inboundAliases = undefined;
    this.#reader.discard();
    this.#account();
    this.output.finish();
    this.countWritten();
    this.#stream.end();
    if (session === undefined || session.sink !== this) return;
    counters.clientsConnected--;
    const client = this.identity;
    if (wasEstablished) {
      clientLog.noteDisconnected(this.engine, this, reason);
      events.emit("clientDisconnected", { client, reasonCode, reason, byClient });
    }
    ends.onDisconnected(session, withWill);
  }

  /** Keeps the broker's account of the bytes that this connection holds. */
  #account(): void {
    let held = 0;
    if (!this.closed) {
      held = this.#reader.bufferedBytes + (this.#inboundAliases?.heldBytes ?? 0);
      const output = this.output.pendingBytes - this.output.sharedBytes;
      if (output > COUNTED_OUTPUT_BYTES) held += output;
      if (this.#backlog !== undefined) for (const { length } of this.#backlog) held += length;
    }
    this.engine.memory.add(held - this.#heldBytes);
    this.#heldBytes = held;
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.engine.memory.add(bytes);
  }
}
