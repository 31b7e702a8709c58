import { connect, type Socket } from "node:net";
import {
  type ConnackPacket,
  type ControlPacket,
  type DisconnectPacket,
  decodePacket,
  encodePacket,
  FrameReader,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  type Will,
} from "@dunlin/protocol";

const maximumPacketSize = 16 * 1024 * 1024;
const reason = { reasonCode: 0, properties: {} } as const;

/** A message as its publisher knows it. */
export interface OwnMessage {
  /** Names it among all messages; "" clears what is retained. */
  readonly id: string;
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

/** Where the last byte of something that came stands in the stream of its connection. */
export interface StreamPosition {
  /** The client's own port: names the connection. */
  readonly port: number;
  readonly bytes: number;
}

/** What a device tells of what happens to it; each call is one moment of the history. */
export interface DeviceListener {
  onConnect(device: Device, options: ConnectOptions): void;
  onConnack(device: Device, connack: ConnackPacket, at: StreamPosition): void;
  /** Also where it goes out again after a connection was lost. */
  onSent(device: Device, message: OwnMessage, isRepeated: boolean): void;
  /** PUBACK or PUBREC, with its Reason Code. */
  onAcknowledged(device: Device, message: OwnMessage, reasonCode: number, at: StreamPosition): void;
  /** PUBACK or PUBCOMP, or an answer that refuses: the broker is done with it. */
  onDone(device: Device, message: OwnMessage): void;
  /** `isRepeated`: at QoS 2, known by its Packet Identifier. */
  onMessage(device: Device, packet: PublishPacket, at: StreamPosition, isRepeated: boolean): void;
  /** PUBACK or PUBCOMP is sent. */
  onFinished(device: Device, packetIdentifier: number): void;
  onDisconnect(device: Device, packet: DisconnectPacket): void;
  /** The connection is gone. */
  onClosed(device: Device): void;
}

export interface DeviceOptions {
  readonly clientId: string;
  readonly version: ProtocolVersion;
  /** Of the session, in seconds; 0: it ends with its connection. */
  readonly expirySeconds: number;
  /** Received messages that it leaves unacknowledged, until more have come. */
  readonly holdsBack?: number;
}

export interface ConnectOptions {
  /** Default: true where the session ends with the connection. */
  readonly cleanStart?: boolean;
  readonly will?: Will;
  /** Instead of the device's own. */
  readonly expirySeconds?: number;
  /** The earlier connection is left to the broker to close. */
  readonly takesOver?: boolean;
}

interface Answer {
  readonly packet: ControlPacket;
  readonly at: StreamPosition;
}

/** A Packet Identifier of QoS 2 that came in PUBLISH, or in PUBREL. */
export interface IdentifierChange {
  readonly at: StreamPosition;
  readonly identifier: number;
  readonly isReleased: boolean;
}

interface Outgoing {
  readonly message: OwnMessage;
  stage: "published" | "released";
}

/** An MQTT client over a real socket that remembers across connections what the specification tells it to. */
export class Device {
  readonly clientId: string;
  readonly options: DeviceOptions;
  /** By Packet Identifier, oldest first. */
  readonly outgoing = new Map<number, Outgoing>();
  /** Packet Identifiers of QoS 2 messages that came and are not released. */
  readonly unreleased = new Set<number>();
  /** How `unreleased` became what it is. */
  readonly identifierChanges: IdentifierChange[] = [];
  state: "closed" | "connecting" | "connected" | "leaving" = "closed";
  receivedBytes = 0;
  readonly #listener: DeviceListener;
  #socket: Socket | undefined;
  #nextIdentifier = 1;
  #held: { readonly packetIdentifier: number; readonly qos: QoS }[] = [];
  #answers = new Map<string, (answer: Answer | undefined) => void>();

  constructor(options: DeviceOptions, listener: DeviceListener) {
    this.clientId = options.clientId;
    this.options = options;
    this.#listener = listener;
  }

  get isPersistent(): boolean {
    return this.options.expirySeconds > 0;
  }

  /** Resolves to the answer; undefined where the connection ends before. */
  async connect(port: number, options: ConnectOptions = {}): Promise<ConnackPacket | undefined> {
    const { cleanStart = !this.isPersistent, will, takesOver = false } = options;
    const before = this.#socket;
    if (takesOver && before !== undefined) this.#onClosed(before);
    else this.drop();
    const { version } = this.options;
    // Before MQTT 5.0 a clean session is one that ends with its connection.
    const endsAtOnce = version < 5 && cleanStart;
    const { expirySeconds = endsAtOnce ? 0 : this.options.expirySeconds } = options;
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    this.state = "connecting";
    this.#held = [];
    this.receivedBytes = 0;
    const reader = new FrameReader(maximumPacketSize);
    socket.on("error", () => {});
    socket.on("close", () => this.#onClosed(socket));
    socket.on("data", (chunk) => this.#onData(socket, reader, chunk));
    const properties = version === 5 ? { sessionExpiryIntervalSeconds: expirySeconds } : {};
    this.#listener.onConnect(this, { ...options, cleanStart, expirySeconds });
    const { clientId } = this;
    this.#write({
      type: "CONNECT",
      protocolVersion: version,
      cleanStart,
      keepAliveSeconds: 0,
      clientId,
      will,
      properties,
    });
    return (await this.#answerOf("CONNACK"))?.packet as ConnackPacket | undefined;
  }

  /** The network connection ends without a word. */
  drop(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.destroy();
    this.#onClosed(socket);
  }

  /** Says goodbye; what was sent before has left. */
  async disconnect(expirySeconds?: number): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    const properties = expirySeconds === undefined ? {} : { sessionExpiryIntervalSeconds: expirySeconds };
    const closed = new Promise((resolve) => socket.once("close", resolve));
    this.state = "leaving";
    socket.end(encodePacket({ type: "DISCONNECT", reasonCode: 0, properties }, this.options.version));
    await closed;
  }

  publish(message: OwnMessage): void {
    if (message.qos === 0) {
      this.#send(message, undefined, false);
      return;
    }
    const identifier = this.#takeIdentifier();
    this.outgoing.set(identifier, { message, stage: "published" });
    this.#send(message, identifier, false);
  }

  /** Resolves to where SUBACK ends; undefined where the connection ends before, or where a filter is refused. */
  async subscribe(topicFilters: readonly string[], qos: QoS): Promise<StreamPosition | undefined> {
    const packetIdentifier = this.#takeIdentifier();
    const flags = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const subscriptions = topicFilters.map((topicFilter) => ({ topicFilter, qos, ...flags }));
    this.#write({ type: "SUBSCRIBE", packetIdentifier, subscriptions, properties: {} });
    const answer = await this.#answerOf(`SUBACK ${packetIdentifier}`);
    if (answer?.packet.type !== "SUBACK") return undefined;
    return answer.packet.reasonCodes.every((reasonCode) => reasonCode < 0x80) ? answer.at : undefined;
  }

  async unsubscribe(topicFilters: readonly string[]): Promise<StreamPosition | undefined> {
    const packetIdentifier = this.#takeIdentifier();
    this.#write({ type: "UNSUBSCRIBE", packetIdentifier, topicFilters, properties: {} });
    return (await this.#answerOf(`UNSUBACK ${packetIdentifier}`))?.at;
  }

  /** Acknowledges what it held back. */
  acknowledgeHeld(): void {
    for (const { packetIdentifier, qos } of this.#held.splice(0)) {
      if (qos === 1) this.#listener.onFinished(this, packetIdentifier);
      this.#write({ type: qos === 1 ? "PUBACK" : "PUBREC", packetIdentifier, ...reason });
    }
  }

  #answerOf(key: string): Promise<Answer | undefined> {
    return new Promise((resolve) => this.#answers.set(key, resolve));
  }

  #answer(packet: ControlPacket, at: StreamPosition, key: string = packet.type): void {
    const resolve = this.#answers.get(key);
    this.#answers.delete(key);
    resolve?.({ packet, at });
  }

  #takeIdentifier(): number {
    do this.#nextIdentifier = (this.#nextIdentifier % 200) + 1;
    while (this.outgoing.has(this.#nextIdentifier));
    return this.#nextIdentifier;
  }

  #send(message: OwnMessage, packetIdentifier: number | undefined, dup: boolean): void {
    const { topicName, payload, qos, retain } = message;
    this.#listener.onSent(this, message, dup);
    this.#write({ type: "PUBLISH", topicName, payload, qos, retain, dup, packetIdentifier, properties: {} });
  }

  #write(packet: ControlPacket): void {
    this.#socket?.write(encodePacket(packet, this.options.version));
  }

  #onClosed(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.state = "closed";
    this.#listener.onClosed(this);
    const waiting = [...this.#answers.values()];
    this.#answers.clear();
    for (const resolve of waiting) resolve(undefined);
  }

  #onData(socket: Socket, reader: FrameReader, chunk: Uint8Array): void {
    // Whoever has said goodbye does not listen any more.
    if (socket !== this.#socket || this.state === "leaving") return;
    const port = socket.localPort ?? 0;
    reader.feed(Uint8Array.from(chunk), 0, chunk.length);
    while (socket === this.#socket && reader.next()) {
      this.receivedBytes += reader.end - reader.start;
      const { bytes, start, bodyStart, end } = reader;
      const packet = decodePacket(bytes, start, bodyStart, end, this.options.version, "server");
      this.#onPacket(packet, { port, bytes: this.receivedBytes });
    }
  }

  #onPacket(packet: ControlPacket, at: StreamPosition): void {
    if (packet.type === "CONNACK") this.#onConnack(packet, at);
    else if (packet.type === "PUBLISH") this.#onPublish(packet, at);
    else if (packet.type === "PUBREL") this.#onPubrel(packet.packetIdentifier, at);
    else if (packet.type === "PUBACK" || packet.type === "PUBREC" || packet.type === "PUBCOMP")
      this.#onAcknowledgement(packet, at);
    else if (packet.type === "DISCONNECT") this.#listener.onDisconnect(this, packet);
    else if (packet.type === "SUBACK" || packet.type === "UNSUBACK") {
      this.#answer(packet, at, `${packet.type} ${packet.packetIdentifier}`);
    }
  }

  #onConnack(connack: ConnackPacket, at: StreamPosition): void {
    if (connack.reasonCode === 0) {
      this.state = "connected";
      if (!connack.sessionPresent) {
        this.outgoing.clear();
        this.unreleased.clear();
      }
    }
    this.#listener.onConnack(this, connack, at);
    for (const [packetIdentifier, { message, stage }] of this.outgoing) {
      if (stage === "published") this.#send(message, packetIdentifier, true);
      else this.#write({ type: "PUBREL", packetIdentifier, ...reason });
    }
    this.#answer(connack, at);
  }

  #onPublish(packet: PublishPacket, at: StreamPosition): void {
    const { qos, packetIdentifier = 0 } = packet;
    const isRepeated = qos === 2 && this.unreleased.has(packetIdentifier);
    if (qos === 2) this.#changeIdentifier(packetIdentifier, at, false);
    this.#listener.onMessage(this, packet, at, isRepeated);
    if (qos === 0) return;
    this.#held.push({ packetIdentifier, qos });
    if (this.#held.length > (this.options.holdsBack ?? 0)) this.acknowledgeHeld();
  }

  #onPubrel(packetIdentifier: number, at: StreamPosition): void {
    this.#changeIdentifier(packetIdentifier, at, true);
    this.#listener.onFinished(this, packetIdentifier);
    this.#write({ type: "PUBCOMP", packetIdentifier, ...reason });
  }

  #changeIdentifier(identifier: number, at: StreamPosition, isReleased: boolean): void {
    this.identifierChanges.push({ at, identifier, isReleased });
    if (isReleased) this.unreleased.delete(identifier);
    else this.unreleased.add(identifier);
  }

  #onAcknowledgement(
    packet: Extract<ControlPacket, { type: "PUBACK" | "PUBREC" | "PUBCOMP" }>,
    at: StreamPosition,
  ): void {
    const { packetIdentifier, reasonCode, type } = packet;
    const outgoing = this.outgoing.get(packetIdentifier);
    const isRefused = reasonCode >= 0x80;
    if (outgoing !== undefined && type !== "PUBCOMP" && outgoing.stage === "published") {
      this.#listener.onAcknowledged(this, outgoing.message, reasonCode, at);
    }
    if (type === "PUBREC" && !isRefused) {
      if (outgoing !== undefined) outgoing.stage = "released";
      this.#write({ type: "PUBREL", packetIdentifier, ...reason });
    } else if (outgoing !== undefined) {
      this.outgoing.delete(packetIdentifier);
      this.#listener.onDone(this, outgoing.message);
    }
  }
}
