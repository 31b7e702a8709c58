import type { ByteReceiver } from "@dunlin/broker";
import {
  type ConnackPacket,
  type ConnectPacket,
  type ControlPacket,
  encodePacket,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
  StreamDecoder,
  type SubackPacket,
  type SubscribeProperties,
  type SubscriptionRequest,
} from "@dunlin/protocol";
import type { MemoryByteStream } from "./memory-byte-stream.ts";
import { settled } from "./settled.ts";

type PacketOf<Type extends ControlPacket["type"]> = Extract<ControlPacket, { type: Type }>;

const NOTHING = new Uint8Array(0);

/** The other end of a connection to a broker in this process: sends what it is told to, keeps what it gets. */
export class MemoryClient implements ByteReceiver {
  readonly stream: MemoryByteStream;
  readonly version: ProtocolVersion;
  /** Whether it answers PUBLISH, PUBREC and PUBREL as a client should. */
  acknowledges = true;
  state: "open" | "closed" = "open";
  /** Packets not yet taken. */
  readonly received: ControlPacket[] = [];
  /** Sees each packet as it arrives, before it is answered. */
  onPacket: ((packet: ControlPacket) => void) | undefined;
  readonly #decoder: StreamDecoder;
  #packetIdentifier = 0;

  constructor(stream: MemoryByteStream, version: ProtocolVersion) {
    this.stream = stream;
    this.version = version;
    this.#decoder = new StreamDecoder({ version, sender: "server", maximumPacketSize: 268_435_460 });
    stream.start(this);
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    for (const packet of this.#decoder.push(bytes.subarray(start, end))) {
      this.received.push(packet);
      this.onPacket?.(packet);
      if (this.acknowledges) this.#answer(packet);
    }
  }

  onDrained(): void {}

  onClosed(): void {
    this.state = "closed";
  }

  send(...packets: ControlPacket[]): void {
    for (const packet of packets) this.sendBytes(encodePacket(packet, this.version));
  }

  sendBytes(bytes: Uint8Array): void {
    this.stream.write(bytes, 0, bytes.length);
  }

  /** Sends, and takes all that has arrived once nothing more happens. */
  async exchange(...packets: ControlPacket[]): Promise<ControlPacket[]> {
    this.send(...packets);
    await settled();
    return this.take();
  }

  /** What has arrived since the last time. */
  take(): ControlPacket[] {
    return this.received.splice(0);
  }

  /** The packets of one type among what has arrived; the others are dropped. */
  takeOnly<Type extends ControlPacket["type"]>(type: Type): PacketOf<Type>[] {
    return this.take().filter((packet): packet is PacketOf<Type> => packet.type === type);
  }

  async connect(fields: Partial<Omit<ConnectPacket, "type">> = {}): Promise<ConnackPacket> {
    const defaults = { cleanStart: true, keepAliveSeconds: 0, clientId: "client", properties: {} };
    const packet = { type: "CONNECT", protocolVersion: this.version, ...defaults, ...fields } as const;
    return only("CONNACK", await this.exchange(packet), this.received);
  }

  async subscribe(
    topicFilters: string | readonly string[],
    qos: QoS = 0,
    options: Partial<Omit<SubscriptionRequest, "topicFilter" | "qos">> & SubscribeProperties = {},
  ): Promise<SubackPacket> {
    const { noLocal = false, retainAsPublished = false, retainHandling = 0, ...properties } = options;
    const subscriptions = [topicFilters]
      .flat()
      .map((topicFilter) => ({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }));
    const packetIdentifier = this.nextIdentifier();
    const answer = await this.exchange({ type: "SUBSCRIBE", packetIdentifier, subscriptions, properties });
    return only("SUBACK", answer, this.received);
  }

  /** A PUBLISH; with QoS 1 and 2 it takes the next Packet Identifier unless one is given. */
  message(
    topicName: string,
    payload: string | Uint8Array = "",
    fields: Partial<PublishPacket> = {},
  ): PublishPacket {
    const { qos = 0 } = fields;
    return {
      type: "PUBLISH",
      topicName,
      payload: typeof payload === "string" ? Buffer.from(payload) : payload,
      qos,
      retain: false,
      dup: false,
      properties: {},
      ...(qos > 0 ? { packetIdentifier: fields.packetIdentifier ?? this.nextIdentifier() } : {}),
      ...fields,
    };
  }

  /** Publishes and takes what comes back. */
  publish(
    topicName: string,
    payload: string | Uint8Array = "",
    fields: Partial<PublishPacket> = {},
  ): Promise<ControlPacket[]> {
    return this.exchange(this.message(topicName, payload, fields));
  }

  /** Says DISCONNECT. */
  async disconnect(
    reasonCode: PacketOf<"DISCONNECT">["reasonCode"] = 0,
    properties: PacketOf<"DISCONNECT">["properties"] = {},
  ): Promise<void> {
    this.send({ type: "DISCONNECT", reasonCode, properties });
    await settled();
  }

  /** The network loses the connection. */
  async cut(): Promise<void> {
    this.stream.cut();
    await settled();
  }

  /** Packet Identifiers in turn; those of QoS 2 are free again long before it comes round. */
  nextIdentifier(): number {
    this.#packetIdentifier = (this.#packetIdentifier % 65_535) + 1;
    return this.#packetIdentifier;
  }

  #answer(packet: ControlPacket): void {
    const reason = { reasonCode: 0, properties: {} } as const;
    if (packet.type === "PUBLISH" && packet.packetIdentifier !== undefined) {
      const type = packet.qos === 1 ? "PUBACK" : "PUBREC";
      this.send({ type, packetIdentifier: packet.packetIdentifier, ...reason });
    } else if (packet.type === "PUBREC" && packet.reasonCode < 0x80) {
      this.send({ type: "PUBREL", packetIdentifier: packet.packetIdentifier, ...reason });
    } else if (packet.type === "PUBREL") {
      this.send({ type: "PUBCOMP", packetIdentifier: packet.packetIdentifier, ...reason });
    }
  }
}

/** `topic=payload` of each PUBLISH among the packets. */
export function messagesOf(packets: readonly ControlPacket[]): string[] {
  return packets
    .filter((packet) => packet.type === "PUBLISH")
    .map(({ topicName, payload }) => `${topicName}=${Buffer.from(payload ?? NOTHING).toString()}`);
}

/** The packet of that type; the others go back to `rest`. */
function only<Type extends ControlPacket["type"]>(
  type: Type,
  packets: ControlPacket[],
  rest: ControlPacket[],
): PacketOf<Type> {
  const index = packets.findIndex((packet) => packet.type === type);
  if (index < 0) {
    const came = packets.map((packet) => packet.type).join(", ") || "nothing";
    throw new Error(`No ${type} came, but ${came}.`);
  }
  const [found] = packets.splice(index, 1);
  rest.unshift(...packets);
  return found as PacketOf<Type>;
}
