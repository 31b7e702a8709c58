import type { ProtocolVersion, QoS } from "@dunlin/protocol";
import { settled, type VirtualBroker } from "@dunlin/test-kit";
import { expect } from "vitest";
import { type Message, ModelClient, ModelSession } from "./model-client.ts";

export interface ConnectChoice {
  readonly version: ProtocolVersion;
  readonly cleanStart: boolean;
  readonly persistent: boolean;
  readonly pace: "prompt" | "late";
  readonly receiveMaximum: number;
}

const EXPIRY_SECONDS = 1_000_000;

/** The clients of a broker, and what each session is to get. Each action ends when nothing more happens by itself. */
export class ModelWorld {
  readonly clients: ReadonlyMap<string, ModelClient>;
  readonly #virtual: VirtualBroker;
  #messages = 0;

  constructor(virtual: VirtualBroker, clientIds: readonly string[]) {
    this.#virtual = virtual;
    this.clients = new Map(clientIds.map((clientId) => [clientId, new ModelClient(clientId)]));
  }

  async connect(client: ModelClient, choice: ConnectChoice): Promise<void> {
    const { version, pace, persistent } = choice;
    // Before MQTT 5.0 the one flag says both.
    const cleanStart = version === 5 ? choice.cleanStart : !persistent;
    this.#disconnected(client);
    const present = client.session !== undefined && !cleanStart;
    if (!present) {
      client.session = new ModelSession();
      client.publishing.clear();
    }
    const session = client.session as ModelSession;
    session.persistent = persistent;
    Object.assign(client, { version, pace, receiveMaximum: version === 5 ? choice.receiveMaximum : 65_535 });
    client.use(this.#virtual.open(version));
    const properties =
      version === 5
        ? {
            sessionExpiryIntervalSeconds: persistent ? EXPIRY_SECONDS : 0,
            receiveMaximum: choice.receiveMaximum,
          }
        : {};
    const connack = await client.connection?.connect({ clientId: client.clientId, cleanStart, properties });
    expect([connack?.reasonCode, connack?.sessionPresent]).toEqual([0, present]);
    await this.#resend(client);
  }

  async disconnect(client: ModelClient): Promise<void> {
    const { connection } = client;
    this.#disconnected(client);
    await connection?.disconnect();
  }

  async cut(client: ModelClient): Promise<void> {
    const { connection } = client;
    this.#disconnected(client);
    await connection?.cut();
  }

  async subscribe(client: ModelClient, topicFilter: string, qos: QoS): Promise<void> {
    const suback = await client.connection?.subscribe(topicFilter, qos);
    expect(suback?.reasonCodes).toEqual([qos]);
    client.session?.subscriptions.set(topicFilter, qos);
  }

  async unsubscribe(client: ModelClient, topicFilter: string): Promise<void> {
    const packetIdentifier = client.connection?.nextIdentifier() ?? 0;
    const topicFilters = [topicFilter];
    const packet = { type: "UNSUBSCRIBE", packetIdentifier, topicFilters, properties: {} } as const;
    const answers = await client.connection?.exchange(packet);
    expect(answers?.map(({ type }) => type)).toContain("UNSUBACK");
    client.session?.subscriptions.delete(topicFilter);
  }

  async publish(client: ModelClient, topicName: string, qos: QoS): Promise<void> {
    const message = this.#message(client, topicName, qos);
    this.#expect(message);
    client.publish(message, true);
    await settled();
    const unanswered = [...client.publishing.values()].filter(({ stage }) => stage === "sent");
    expect(unanswered, "publishes are acknowledged").toEqual([]);
  }

  /** The broker gets the message; the network breaks before its answer arrives. */
  async publishUnheard(client: ModelClient, topicName: string, qos: QoS): Promise<void> {
    const message = this.#message(client, topicName, qos);
    client.connection?.stream.hold();
    this.#expect(message, client);
    client.publish(message, true);
    await settled();
    await this.cut(client);
  }

  /** The broker gets the message and crashes before it is stored. */
  async publishIntoCrash(client: ModelClient, topicName: string, qos: QoS): Promise<void> {
    const message = this.#message(client, topicName, qos);
    this.#virtual.store.wait();
    let mustBeStored = qos === 2 && client.persistent;
    for (const { session } of this.clients.values()) {
      const granted = session?.qosFor(message);
      if (session === undefined || granted === undefined) continue;
      // What does not go through the store may have been sent already.
      if (granted === 0 || !session.persistent) session.expectMessage(message, granted, false);
      else mustBeStored = true;
    }
    client.publish(message, false);
    await settled();
    const unanswered = [...client.publishing.values()].filter((each) => each.message === message);
    if (qos > 0 && mustBeStored) expect(unanswered.map(({ stage }) => stage)).toEqual(["sent"]);
    await this.crash();
  }

  async answer(client: ModelClient, count: number): Promise<void> {
    client.answer(count);
    await settled();
  }

  async restart(): Promise<void> {
    for (const client of this.clients.values()) this.#disconnected(client);
    await this.#virtual.restart();
  }

  async crash(): Promise<void> {
    for (const client of this.clients.values()) this.#disconnected(client);
    await this.#virtual.crash();
  }

  async wait(): Promise<void> {
    await this.#virtual.advance(300);
  }

  /** Nothing has come that should not, and no connection is lost but those that were to be. */
  expectWell(): void {
    for (const { clientId, connection, failure } of this.clients.values()) {
      if (failure !== undefined) throw failure;
      if (connection !== undefined) expect([clientId, connection.state]).toEqual([clientId, "open"]);
    }
  }

  /** Everyone who has a session comes back, and then has all that was promised. */
  async finish(): Promise<void> {
    for (const client of this.clients.values()) {
      if (client.session === undefined) continue;
      const pace = "prompt";
      if (client.connection === undefined) {
        const choice = {
          version: 5,
          cleanStart: false,
          persistent: true,
          pace,
          receiveMaximum: 100,
        } as const;
        await this.connect(client, choice);
      } else {
        client.pace = pace;
        client.answer(Number.POSITIVE_INFINITY);
      }
    }
    await this.wait();
    this.expectWell();
    for (const { session, publishing } of this.clients.values()) {
      session?.expectComplete();
      expect([publishing.size, session?.unacknowledged.size ?? 0]).toEqual([0, 0]);
    }
  }

  #message(client: ModelClient, topicName: string, qos: QoS): Message {
    return { number: this.#messages++, publisher: client.clientId, topicName, qos };
  }

  /** `deaf`: a client that hears nothing any more on its connection. */
  #expect(message: Message, deaf?: ModelClient): void {
    for (const client of this.clients.values()) {
      const { session, connection } = client;
      const qos = session?.qosFor(message);
      if (session === undefined || qos === undefined || (qos === 0 && connection === undefined)) continue;
      session.expectMessage(message, qos, qos > 0 || client !== deaf);
    }
  }

  /** A session without expiry ends with its connection. */
  #disconnected(client: ModelClient): void {
    client.leave();
    if (client.persistent) return;
    client.session = undefined;
    client.publishing.clear();
  }

  async #resend(client: ModelClient): Promise<void> {
    for (const publishing of client.publishing.values()) {
      if (publishing.stage !== "sent") continue;
      // At QoS 1 a message whose acknowledgement was lost is a new one to the broker.
      if (publishing.message.qos === 1 || !publishing.processed) this.#expect(publishing.message);
      publishing.processed = true;
    }
    client.resend();
    await settled();
  }
}
