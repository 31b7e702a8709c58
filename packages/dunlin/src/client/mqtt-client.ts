import type { Duplex } from "node:stream";
import {
  type ConnackPacket,
  type ControlPacket,
  type DisconnectProperties,
  encodedSize,
  encodePacket,
  type ProtocolVersion,
  type PublishPacket,
  type PublishProperties,
  type QoS,
  ReasonCode,
  type StreamDecoder,
  type SubackPacket,
  type SubscribeProperties,
  type SubscriptionRequest,
  type UnsubackPacket,
  type UnsubscribeProperties,
} from "@dunlin/protocol";
import { ConnectionError, describeReason, RefusedError } from "./client-error.ts";
import { type Answer, Exchanges, isAnswer } from "./exchanges.ts";
import { MessageQueue } from "./message-queue.ts";

/** Publishes under way at once, where the broker's Receive Maximum is not lower. */
const MAXIMUM_INFLIGHT = 1024;
/** How long the last packets have to leave. */
const FLUSH_TIMEOUT_MS = 30_000;
/** How long the broker has to close after DISCONNECT. */
const CLOSE_TIMEOUT_MS = 2000;

export interface OutgoingMessage {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: PublishProperties;
}

/** What `connect` hands over once the broker has accepted. */
export interface Established {
  readonly stream: Duplex;
  readonly decoder: StreamDecoder;
  readonly version: ProtocolVersion;
  readonly connack: ConnackPacket;
  readonly keepAliveSeconds: number;
}

/** One accepted connection, until it ends. It does not reconnect. */
export class MqttClient {
  readonly connack: ConnackPacket;
  private readonly stream: Duplex;
  private readonly decoder: StreamDecoder;
  private readonly version: ProtocolVersion;
  private readonly exchanges: Exchanges;
  private readonly queue: MessageQueue;
  private readonly topicAliases = new Map<number, string>();
  /** QoS 2 messages received whose PUBREL has not come: a repetition is not a new message [MQTT-4.3.3-10]. */
  private readonly unreleased = new Set<number>();
  private state: "connected" | "disconnecting" | "closed" = "connected";
  private pingTimer: NodeJS.Timeout | undefined;
  private isPingUnanswered = false;

  constructor(established: Established) {
    this.stream = established.stream;
    this.decoder = established.decoder;
    this.version = established.version;
    this.connack = established.connack;
    const { receiveMaximum = MAXIMUM_INFLIGHT } = this.connack.properties;
    this.exchanges = new Exchanges(Math.min(receiveMaximum, MAXIMUM_INFLIGHT));
    this.queue = new MessageQueue({
      onTaken: (message) => this.acknowledge(message),
      // An answer that is awaited comes behind the messages: whoever stopped reading would never see it.
      onFull: () => {
        if (!this.exchanges.isAnyOpen) this.stream.pause();
      },
      onRoom: () => this.stream.resume(),
    });
    // Every publish that waits for the network listens.
    this.stream.setMaxListeners(0);
    this.stream.on("error", (error) =>
      this.lose(new ConnectionError(`the connection broke: ${error.message}`)),
    );
    this.stream.on("close", () => this.lose(new ConnectionError("the broker closed the connection")));
    this.startPings(this.connack.properties.serverKeepAliveSeconds ?? established.keepAliveSeconds);
  }

  /** Received messages; each is acknowledged as it is taken. Ends when `signal` is aborted; throws when the connection is lost. */
  messages(signal: AbortSignal): AsyncGenerator<PublishPacket, void, void> {
    return this.queue.read(signal);
  }

  /** Resolves once the message is acknowledged (QoS 0: handed to the system), to the broker's Reason Code. */
  async publish(
    message: OutgoingMessage,
  ): Promise<{ reasonCode: number; reasonString?: string | undefined }> {
    const packet = { type: "PUBLISH", dup: false, ...message } as const;
    if (message.qos === 0) {
      await this.send(packet);
      return { reasonCode: ReasonCode.Success };
    }
    const packetIdentifier = await this.exchanges.begin();
    try {
      let answer = await this.ask({ ...packet, packetIdentifier });
      if (answer.type === "PUBREC" && answer.reasonCode < 0x80) {
        answer = await this.ask({
          type: "PUBREL",
          packetIdentifier,
          reasonCode: ReasonCode.Success,
          properties: {},
        });
      }
      if (answer.type !== "PUBACK" && answer.type !== "PUBREC" && answer.type !== "PUBCOMP")
        throw unexpected(answer);
      return { reasonCode: answer.reasonCode, reasonString: answer.properties.reasonString };
    } finally {
      this.exchanges.close(packetIdentifier);
    }
  }

  async subscribe(
    subscriptions: readonly SubscriptionRequest[],
    properties: SubscribeProperties = {},
  ): Promise<SubackPacket> {
    const packetIdentifier = await this.exchanges.begin();
    const answer = await this.ask({ type: "SUBSCRIBE", packetIdentifier, subscriptions, properties });
    this.exchanges.close(packetIdentifier);
    if (answer.type !== "SUBACK") throw unexpected(answer);
    return answer;
  }

  async unsubscribe(
    topicFilters: readonly string[],
    properties: UnsubscribeProperties = {},
  ): Promise<UnsubackPacket> {
    const packetIdentifier = await this.exchanges.begin();
    const answer = await this.ask({ type: "UNSUBSCRIBE", packetIdentifier, topicFilters, properties });
    this.exchanges.close(packetIdentifier);
    if (answer.type !== "UNSUBACK") throw unexpected(answer);
    return answer;
  }

  /** Says good-bye and closes; what was sent has left. Idempotent. */
  async disconnect(properties: DisconnectProperties = {}): Promise<void> {
    if (this.state !== "connected") return;
    this.state = "disconnecting";
    clearInterval(this.pingTimer);
    const packet = { type: "DISCONNECT", reasonCode: ReasonCode.NormalDisconnection, properties } as const;
    const closed = eventOf(this.stream, "close");
    const destroy = (): Duplex => this.stream.destroy();
    let timer = setTimeout(destroy, FLUSH_TIMEOUT_MS);
    this.stream.end(encodePacket(packet, this.version), () => {
      clearTimeout(timer);
      timer = setTimeout(destroy, CLOSE_TIMEOUT_MS);
    });
    // Whatever still comes is discarded, or the end of the stream would not be seen.
    this.stream.resume();
    await closed;
    clearTimeout(timer);
  }

  /** Takes what the broker sent. */
  receive(packets: readonly ControlPacket[]): void {
    for (const packet of packets) {
      if (this.state !== "connected") return;
      if (packet.type === "PUBLISH") this.onPublish(packet);
      else if (packet.type === "PUBREL") this.onPubrel(packet.packetIdentifier);
      else if (packet.type === "PINGRESP") this.isPingUnanswered = false;
      else if (packet.type === "DISCONNECT") {
        const reason = describeReason(packet.reasonCode, "DISCONNECT", packet.properties.reasonString);
        this.lose(new ConnectionError(`the broker closed the connection: ${reason}`));
      } else if (isAnswer(packet)) this.exchanges.onAnswer(packet);
      else this.lose(new ConnectionError(`the broker sent a ${packet.type} that was not asked for`));
    }
  }

  /** Reads on, after `receive` got what had come before. */
  listen(): void {
    this.stream.on("data", (chunk: Buffer) => {
      try {
        this.receive(this.decoder.push(chunk));
      } catch (error) {
        this.lose(new ConnectionError(`the broker broke the protocol: ${(error as Error).message}`));
      }
    });
    this.stream.resume();
  }

  private onPublish(packet: PublishPacket): void {
    const { topicAlias } = packet.properties;
    let topicName = packet.topicName;
    if (topicAlias !== undefined) {
      if (topicName === "") topicName = this.topicAliases.get(topicAlias) ?? "";
      else this.topicAliases.set(topicAlias, topicName);
    }
    const isRepeated = packet.qos === 2 && this.unreleased.has(packet.packetIdentifier!);
    if (packet.qos === 2) this.unreleased.add(packet.packetIdentifier!);
    if (isRepeated) this.acknowledge(packet);
    else this.queue.push(topicName === packet.topicName ? packet : { ...packet, topicName });
  }

  private acknowledge({ qos, packetIdentifier }: PublishPacket): void {
    if (qos === 0 || packetIdentifier === undefined) return;
    const type = qos === 1 ? "PUBACK" : "PUBREC";
    this.write({ type, packetIdentifier, reasonCode: ReasonCode.Success, properties: {} });
  }

  private onPubrel(packetIdentifier: number): void {
    this.unreleased.delete(packetIdentifier);
    this.write({ type: "PUBCOMP", packetIdentifier, reasonCode: ReasonCode.Success, properties: {} });
  }

  private async ask(
    packet: ControlPacket & { readonly packetIdentifier?: number | undefined },
  ): Promise<Answer> {
    const answer = this.exchanges.answerTo(packet.packetIdentifier!);
    // The connection may be lost before the answer is awaited.
    answer.catch(() => undefined);
    this.stream.resume();
    await this.send(packet);
    return answer;
  }

  /** Writes, and waits while too much is waiting to leave. */
  private async send(packet: ControlPacket): Promise<void> {
    this.checkSize(packet);
    if (!this.write(packet) && this.state === "connected") {
      await eventOf(this.stream, "drain");
    }
    if (this.state !== "connected") throw new ConnectionError("the connection is closed");
  }

  private checkSize(packet: ControlPacket): void {
    const { maximumPacketSize } = this.connack.properties;
    if (maximumPacketSize !== undefined && encodedSize(packet, this.version) > maximumPacketSize) {
      throw new RefusedError(
        `the ${packet.type} is larger than the broker accepts (${maximumPacketSize} bytes)`,
      );
    }
  }

  private write(packet: ControlPacket): boolean {
    return this.state === "connected" && this.stream.write(encodePacket(packet, this.version));
  }

  private startPings(keepAliveSeconds: number): void {
    if (keepAliveSeconds === 0) return;
    this.pingTimer = setInterval(
      () => {
        // While we do not read, an answer cannot arrive.
        if (this.isPingUnanswered && !this.stream.isPaused()) {
          this.lose(new ConnectionError("the broker does not answer any more"));
          return;
        }
        this.isPingUnanswered = true;
        this.write({ type: "PINGREQ" });
      },
      // Some way before the Keep Alive is over, so that a slow network does not matter.
      keepAliveSeconds * 750,
    );
  }

  private lose(error: ConnectionError): void {
    if (this.state === "closed") return;
    const wasAskedFor = this.state === "disconnecting";
    this.state = "closed";
    clearInterval(this.pingTimer);
    this.exchanges.fail(error);
    this.queue.close(wasAskedFor ? undefined : error);
    this.stream.destroy();
  }
}

/** Resolves at the event, or at the end of the stream. */
function eventOf(stream: Duplex, event: "drain" | "close"): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off(event, done).off("close", done);
      resolve();
    };
    stream.on(event, done).on("close", done);
    if (stream.closed) done();
  });
}

function unexpected(answer: Answer): ConnectionError {
  return new ConnectionError(`the broker answered with an unexpected ${answer.type}`);
}
