import {
  type ControlPacket,
  matchTopic,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
} from "@dunlin/protocol";
import type { MemoryClient } from "@dunlin/test-kit";
import { expect } from "vitest";

const FIRST_PUBLISH_IDENTIFIER = 32_768;

export interface Message {
  /** Also its payload. */
  readonly number: number;
  readonly publisher: string;
  readonly topicName: string;
  readonly qos: QoS;
}

/** What a session is to get of one message. */
interface Expectation {
  readonly message: Message;
  /** Those at which its copies may come. */
  readonly qos: Set<QoS>;
  /** How often it was published while the session was subscribed: again where its acknowledgement was lost. */
  copies: number;
  required: boolean;
  /** Times that it came without DUP. */
  fresh: number;
  /** Times that it was handed on: at QoS 2 not when it came again before its PUBREL. */
  received: number;
}

/** A session as its client sees it. */
export class ModelSession {
  persistent = false;
  readonly subscriptions = new Map<string, QoS>();
  readonly expectations = new Map<number, Expectation>();
  /** By Packet Identifier: messages received and not fully acknowledged. */
  readonly unacknowledged = new Map<number, number>();
  /** Packet Identifiers of QoS 2 that wait for their PUBREL. */
  readonly unreleased = new Set<number>();
  /** The newest message by publisher, topic and QoS. */
  readonly newest = new Map<string, number>();

  /** At the highest QoS of the matching subscriptions; undefined: it gets nothing. */
  qosFor({ topicName, qos }: Message): QoS | undefined {
    const granted = [...this.subscriptions]
      .filter(([topicFilter]) => matchTopic(topicFilter, topicName))
      .map(([, subscribed]) => Math.min(subscribed, qos) as QoS);
    return granted.length === 0 ? undefined : (Math.max(...granted) as QoS);
  }

  expectMessage(message: Message, qos: QoS, required: boolean): void {
    const known = this.expectations.get(message.number);
    if (known === undefined) {
      const qualities = new Set([qos]);
      this.expectations.set(message.number, {
        message,
        qos: qualities,
        copies: 1,
        required,
        fresh: 0,
        received: 0,
      });
    } else {
      known.copies++;
      known.qos.add(qos);
      known.required ||= required;
    }
  }

  receive(packet: PublishPacket): void {
    const { qos, packetIdentifier = 0 } = packet;
    const number = Number(Buffer.from(packet.payload).toString());
    const expectation = this.expectations.get(number);
    if (expectation === undefined) throw new Error(`message ${number} was not meant for this session`);
    expect(packet.topicName).toBe(expectation.message.topicName);
    expect([...expectation.qos]).toContain(qos);
    if (qos > 0) this.#takeIdentifier(packetIdentifier, number, packet.dup);
    if (!packet.dup) expectation.fresh++;
    expect(expectation.fresh, `message ${number} came too often`).toBeLessThanOrEqual(expectation.copies);
    if (qos === 2 && this.unreleased.has(packetIdentifier)) return;
    if (qos === 2) this.unreleased.add(packetIdentifier);
    expectation.received++;
    if (qos === 2)
      expect(expectation.received, `message ${number} came twice`).toBeLessThanOrEqual(expectation.copies);
    if (expectation.received === 1) this.#checkOrder(expectation.message, qos);
  }

  /** Whatever was promised has come. */
  expectComplete(): void {
    const missing = [...this.expectations.values()].filter(
      ({ required, received }) => required && received === 0,
    );
    expect(missing.map(({ message }) => message)).toEqual([]);
  }

  #takeIdentifier(packetIdentifier: number, number: number, dup: boolean): void {
    const holder = this.unacknowledged.get(packetIdentifier);
    // In use until it is acknowledged [MQTT-2.2.1-4], and then only for the same message, marked [MQTT-3.3.1-1].
    if (holder !== undefined)
      expect([packetIdentifier, holder, dup]).toEqual([packetIdentifier, number, true]);
    this.unacknowledged.set(packetIdentifier, number);
  }

  #checkOrder({ publisher, topicName, number }: Message, qos: QoS): void {
    const key = `${publisher} ${topicName} ${qos}`;
    expect(number, `order of ${key}`).toBeGreaterThan(this.newest.get(key) ?? -1);
    this.newest.set(key, number);
  }
}

interface Publishing {
  readonly message: Message;
  stage: "sent" | "received";
  /** Whether the broker has it, as far as the model knows; a client cannot. */
  processed: boolean;
}

/** A client that does what the specification asks of it, at once or late, and checks what it gets. */
export class ModelClient {
  readonly clientId: string;
  version: ProtocolVersion = 5;
  session: ModelSession | undefined;
  connection: MemoryClient | undefined;
  receiveMaximum = 65_535;
  pace: "prompt" | "late" = "prompt";
  /** By Packet Identifier: its own publishes that are not fully acknowledged. */
  readonly publishing = new Map<number, Publishing>();
  /** The first thing that was not as it should be; a packet comes while nobody waits for it. */
  failure: unknown;
  #owed: ControlPacket[] = [];
  /** Packet Identifiers sent to it on this connection and not fully acknowledged. */
  readonly #inflight = new Set<number>();

  constructor(clientId: string) {
    this.clientId = clientId;
  }

  get persistent(): boolean {
    return this.session?.persistent === true;
  }

  /** A network connection is there; CONNECT comes next. */
  use(connection: MemoryClient): void {
    this.leave();
    this.connection = connection;
    connection.acknowledges = false;
    connection.onPacket = (packet) => {
      try {
        this.#onPacket(packet);
      } catch (error) {
        this.failure ??= error;
      }
    };
  }

  /** The connection is gone, and with it what was owed on it. */
  leave(): void {
    if (this.connection !== undefined) this.connection.onPacket = undefined;
    this.connection = undefined;
    this.#owed = [];
    this.#inflight.clear();
  }

  /** Sends up to `count` of the answers that are due, oldest first. */
  answer(count: number): void {
    for (const packet of this.#owed.splice(0, count)) {
      if (packet.type === "PUBACK" || packet.type === "PUBCOMP") {
        this.session?.unacknowledged.delete(packet.packetIdentifier);
        this.#inflight.delete(packet.packetIdentifier);
      }
      this.connection?.send(packet);
    }
  }

  publish(message: Message, processed: boolean): void {
    const packetIdentifier = message.qos === 0 ? undefined : this.#nextIdentifier();
    if (packetIdentifier !== undefined)
      this.publishing.set(packetIdentifier, { message, stage: "sent", processed });
    this.#send(message, packetIdentifier, false);
  }

  /** What it has to send again on a resumed session [MQTT-4.4.0-1]. */
  resend(): void {
    for (const [packetIdentifier, { message, stage }] of this.publishing) {
      if (stage === "sent") this.#send(message, packetIdentifier, true);
      else this.connection?.send({ type: "PUBREL", packetIdentifier, reasonCode: 0, properties: {} });
    }
  }

  #send({ topicName, number, qos }: Message, packetIdentifier: number | undefined, dup: boolean): void {
    const { connection } = this;
    if (connection === undefined) return;
    connection.send(
      connection.message(topicName, String(number), { qos, dup, ...(qos > 0 && { packetIdentifier }) }),
    );
  }

  /** The lowest that is free, so that each is soon used again; apart from those of SUBSCRIBE. */
  #nextIdentifier(): number {
    let identifier = FIRST_PUBLISH_IDENTIFIER;
    while (this.publishing.has(identifier)) identifier++;
    return identifier;
  }

  #onPacket(packet: ControlPacket): void {
    const reason = { reasonCode: 0, properties: {} } as const;
    if (packet.type === "PUBLISH") {
      const { qos, packetIdentifier = 0 } = packet;
      this.session?.receive(packet);
      if (qos === 0) return;
      this.#inflight.add(packetIdentifier);
      expect(this.#inflight.size).toBeLessThanOrEqual(this.receiveMaximum);
      this.#owed.push({ type: qos === 1 ? "PUBACK" : "PUBREC", packetIdentifier, ...reason });
    } else if (packet.type === "PUBREL") {
      this.session?.unreleased.delete(packet.packetIdentifier);
      this.#owed.push({ type: "PUBCOMP", packetIdentifier: packet.packetIdentifier, ...reason });
    } else if (packet.type === "PUBREC") {
      const { packetIdentifier } = packet;
      const publishing = this.publishing.get(packetIdentifier);
      if (publishing !== undefined) publishing.stage = "received";
      this.#owed.push({ type: "PUBREL", packetIdentifier, ...reason });
    } else if (packet.type === "PUBACK" || packet.type === "PUBCOMP") {
      expect(this.publishing.delete(packet.packetIdentifier)).toBe(true);
    }
    if (this.pace === "prompt") this.answer(Number.POSITIVE_INFINITY);
  }
}
