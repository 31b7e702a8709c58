import {
  type ConnackPacket,
  type ControlPacket,
  decodePacket,
  encodePacket,
  FrameReader,
  PacketType,
  type ProtocolVersion,
  ReasonCode,
  type SubackPacket,
} from "@dunlin/protocol";
import { ConnectionError, describeReason, describeReturnCode, RefusedError } from "../client/client-error.ts";
import { Counter } from "./load-memory.ts";
import { type ClientRole, clientIdOf } from "./load-plan.ts";
import { openWire, type Wire, type WireReceiver } from "./wire.ts";
import type { WorkerContext } from "./worker-context.ts";

const MAXIMUM_PACKET_SIZE = 268_435_460;
const ACKNOWLEDGEMENT_BYTES = 4;
/** Acknowledgements of one read are gathered; more than this many take several writes. */
const GATHERED_BYTES = 16 * 1024;
/** How long a connection may take to close. */
const LEAVE_TIMEOUT_MS = 3000;
/** Topic Filters in one SUBSCRIBE. */
const FILTERS_PER_SUBSCRIBE = 100;

export type ClientState = "closed" | "opening" | "connecting" | "subscribing" | "ready" | "leaving";

/** A connection of a bench, from CONNECT to DISCONNECT. What it does in between is in its subclasses. */
export abstract class LoadClient implements WireReceiver {
  readonly index: number;
  state: ClientState = "closed";
  /** When `open` was called, by the worker's clock. */
  openedAt = 0;
  protected readonly context: WorkerContext;
  protected readonly version: ProtocolVersion;
  protected connack: ConnackPacket | undefined;
  /** The wire still holds bytes of ours. */
  protected isBlocked = false;
  readonly #role: ClientRole;
  readonly #filters: readonly string[];
  #wire: Wire | undefined;
  #reader = new FrameReader(MAXIMUM_PACKET_SIZE);
  #cleanStart = true;
  #subacksDue = 0;
  #gathered: Uint8Array | undefined;
  #gatheredLength = 0;
  #settle: { resolve(): void; reject(error: Error): void } | undefined;

  constructor(context: WorkerContext, role: ClientRole, index: number, filters: readonly string[]) {
    this.context = context;
    this.index = index;
    this.version = context.plan.connect.protocolVersion;
    this.#role = role;
    this.#filters = filters;
  }

  /** Resolves with CONNACK and, where there are filters, SUBACK. */
  open(cleanStart: boolean = this.context.plan.connect.cleanStart): Promise<void> {
    const { plan, readBuffer, clock } = this.context;
    this.state = "opening";
    this.openedAt = clock();
    this.#cleanStart = cleanStart;
    this.isBlocked = false;
    this.#reader = new FrameReader(MAXIMUM_PACKET_SIZE);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#wire = openWire(plan.target, readBuffer, this);
    });
  }

  /** Says goodbye; resolves when the connection is closed. */
  leave(): Promise<void> {
    if (this.state === "closed") return Promise.resolve();
    if (this.state === "ready") this.context.counters[Counter.ready]! -= 1;
    this.state = "leaving";
    this.#send({ type: "DISCONNECT", reasonCode: ReasonCode.NormalDisconnection, properties: {} });
    const wire = this.#wire!;
    const timer = setTimeout(() => wire.destroy(), LEAVE_TIMEOUT_MS);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#settle = { resolve: settle, reject: settle };
      wire.end();
    });
  }

  destroy(): void {
    this.#wire?.destroy();
  }

  ping(): void {
    if (this.state === "ready") this.#send({ type: "PINGREQ" });
  }

  onOpen(): void {
    const { plan } = this.context;
    this.state = "connecting";
    const clientId = clientIdOf(plan, this.#role, this.index);
    this.#send({ ...plan.connect, cleanStart: this.#cleanStart, clientId });
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    const now = this.context.clock();
    try {
      reader.feed(bytes, start, end);
      while (reader.next()) this.#onPacket(reader, now);
    } catch (error) {
      this.context.counters[Counter.protocolErrors]! += 1;
      this.#fail(
        this.state === "connecting" ? new RefusedError(notUnderstood(error as Error)) : (error as Error),
      );
    }
    this.#writeGathered();
  }

  onWritten(): void {
    this.isBlocked = false;
  }

  onClosed(error: Error | undefined): void {
    const was = this.state;
    this.state = "closed";
    this.#wire = undefined;
    if (was === "ready") {
      this.context.counters[Counter.closedConnections]! += 1;
      this.context.counters[Counter.ready]! -= 1;
    }
    if (was === "leaving") this.#settle?.resolve();
    else this.#settle?.reject(new ConnectionError(closedText(was, error)));
    this.#settle = undefined;
  }

  /** A PUBLISH from `start` to `end`. */
  protected abstract onPublish(
    bytes: Uint8Array,
    start: number,
    bodyStart: number,
    end: number,
    now: number,
  ): void;

  protected abstract onAcknowledgement(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
  ): void;

  protected onReady(): void {}

  /** Packets that may be changed again only when `isBlocked` is false. */
  protected write(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#wire!.write(bytes, start, end)) this.isBlocked = true;
  }

  /** Sends an acknowledgement with the others of this read. */
  protected gather(packetType: number, packetIdentifier: number): void {
    if (this.#gatheredLength + ACKNOWLEDGEMENT_BYTES > GATHERED_BYTES) this.#writeGathered();
    this.#gathered ??= Buffer.allocUnsafeSlow(GATHERED_BYTES);
    const bytes = this.#gathered;
    const at = this.#gatheredLength;
    bytes[at] = packetType === PacketType.PUBREL ? (packetType << 4) | 2 : packetType << 4;
    bytes[at + 1] = 2;
    bytes[at + 2] = packetIdentifier >> 8;
    bytes[at + 3] = packetIdentifier & 0xff;
    this.#gatheredLength = at + ACKNOWLEDGEMENT_BYTES;
  }

  #writeGathered(): void {
    if (this.#gatheredLength === 0) return;
    const bytes = this.#gathered!;
    const length = this.#gatheredLength;
    this.#gatheredLength = 0;
    if (this.#wire === undefined || this.state !== "ready") return;
    // Where the wire holds on to the bytes, the next acknowledgements get memory of their own.
    if (!this.#wire.write(bytes, 0, length)) this.#gathered = undefined;
  }

  #onPacket(reader: FrameReader, now: number): void {
    const { bytes, start, bodyStart, end } = reader;
    const type = bytes[start]! >> 4;
    switch (type) {
      case PacketType.PUBLISH:
        this.onPublish(bytes, start, bodyStart, end, now);
        return;
      case PacketType.PUBACK:
      case PacketType.PUBREC:
      case PacketType.PUBREL:
      case PacketType.PUBCOMP: {
        const packetIdentifier = (bytes[bodyStart]! << 8) | bytes[bodyStart + 1]!;
        this.onAcknowledgement(type, packetIdentifier, end - bodyStart > 2 ? bytes[bodyStart + 2]! : 0);
        return;
      }
      case PacketType.PINGRESP:
        return;
      default:
        this.#onRarePacket(decodePacket(bytes, start, bodyStart, end, this.version, "server"));
    }
  }

  #onRarePacket(packet: ControlPacket): void {
    if (packet.type === "CONNACK") return this.#onConnack(packet);
    if (packet.type === "SUBACK") return this.#onSuback(packet);
    if (packet.type === "DISCONNECT") {
      const reason = describeReason(packet.reasonCode, "DISCONNECT", packet.properties.reasonString);
      this.#fail(new ConnectionError(`the broker disconnected: ${reason}`));
      return;
    }
    this.context.counters[Counter.protocolErrors]! += 1;
  }

  #onConnack(connack: ConnackPacket): void {
    if (connack.reasonCode !== 0) {
      const { reasonString } = connack.properties;
      const reason =
        this.version === 5
          ? describeReason(connack.reasonCode, "CONNACK", reasonString)
          : describeReturnCode(connack.reasonCode);
      this.#fail(new RefusedError(`the broker refused a connection: ${reason}`));
      return;
    }
    this.connack = connack;
    if (this.#filters.length === 0 || connack.sessionPresent) return this.#becomeReady();
    this.state = "subscribing";
    this.#subscribe();
  }

  #subscribe(): void {
    const qos = this.context.plan.subscribeQoS;
    for (let first = 0; first < this.#filters.length; first += FILTERS_PER_SUBSCRIBE) {
      const subscriptions = this.#filters.slice(first, first + FILTERS_PER_SUBSCRIBE).map((topicFilter) => ({
        topicFilter,
        qos,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0 as const,
      }));
      this.#subacksDue++;
      this.#send({ type: "SUBSCRIBE", packetIdentifier: this.#subacksDue, subscriptions, properties: {} });
    }
  }

  #onSuback({ reasonCodes }: SubackPacket): void {
    const refused = reasonCodes.find((code) => code >= 0x80);
    if (refused !== undefined) {
      const reason = describeReason(refused, "SUBACK", undefined);
      this.#fail(new RefusedError(`the broker refused a subscription: ${reason}`));
    } else if (--this.#subacksDue === 0) this.#becomeReady();
  }

  #becomeReady(): void {
    this.state = "ready";
    this.context.counters[Counter.ready]! += 1;
    this.onReady();
    this.#settle?.resolve();
    this.#settle = undefined;
  }

  #send(packet: ControlPacket): void {
    const bytes = encodePacket(packet, this.version);
    this.#wire!.write(bytes, 0, bytes.length);
  }

  #fail(error: Error): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
    this.#wire?.destroy();
  }
}

function closedText(state: ClientState, error: Error | undefined): string {
  if (state === "opening") return `cannot connect: ${error?.message ?? "the connection was closed"}`;
  const when = state === "connecting" ? "before CONNACK" : "before SUBACK";
  return `the broker closed a connection ${when}${error === undefined ? "" : `: ${error.message}`}`;
}

/** A broker without MQTT 5.0 answers in the words of 3.1.1. */
function notUnderstood(error: Error): string {
  return `the broker does not answer as this version of MQTT demands (${error.message}); try another one with -V`;
}
