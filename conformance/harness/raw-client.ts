import type { Duplex } from "node:stream";
import { foreignCommand } from "./broker-process.ts";
import {
  emptyPacket,
  packetLength,
  readServerPacket,
  type ServerPacket,
  type ServerPacketType,
} from "./wire-reader.ts";
import {
  disconnect,
  type FilterAndOptions,
  type PropertySource,
  type PublishFields,
  pingreq,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  subscribe,
  unsubscribe,
  type Version,
} from "./wire-writer.ts";

/** How long an answer may take; far beyond what it takes, so that a busy machine fails no test. */
const answerTimeoutMs = 5_000;
/** How long a broker must stay silent before "nothing was sent" is believed. */
const quietMs = 120;

type Happening = ServerPacket | "closed" | "silence";

function describeHappening(happening: Happening): string {
  if (typeof happening === "string") return happening === "closed" ? "the connection was closed" : "silence";
  const code = happening.reasonCode === 0 ? "" : ` 0x${happening.reasonCode.toString(16)}`;
  const topic = happening.topicName === "" ? "" : ` to ${happening.topicName}`;
  return `${happening.type}${code}${topic} (${happening.bytes.toString("hex").slice(0, 80)})`;
}

/** A client that sends whatever bytes a test wants and reads strictly what comes back, in order. */
export class RawClient {
  readonly #stream: Duplex;
  #version: Version;
  #unread: Buffer = Buffer.alloc(0);
  readonly #packets: ServerPacket[] = [];
  #ending: "open" | "closed" | Error = "open";
  #wake: () => void = () => {};
  #lastPacketIdentifier = 0;

  constructor(stream: Duplex, version: Version = 5) {
    this.#stream = stream;
    this.#version = version;
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("end", () => this.#onEnd("closed"));
    stream.on("close", () => this.#onEnd("closed"));
    stream.on("error", () => this.#onEnd("closed"));
  }

  get version(): Version {
    return this.#version;
  }

  #onEnd(ending: "closed" | Error): void {
    if (this.#ending === "open") this.#ending = ending;
    this.#wake();
  }

  #onData(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    try {
      for (let length = packetLength(this.#unread); length; length = packetLength(this.#unread)) {
        this.#packets.push(readServerPacket(this.#unread.subarray(0, length), this.#version));
        this.#unread = this.#unread.subarray(length);
      }
    } catch (error) {
      const bytes = this.#unread.toString("hex").slice(0, 80);
      this.#onEnd(new Error(`the broker sent a wrong packet: ${(error as Error).message} (${bytes})`));
    }
    this.#wake();
  }

  async #next(withinMs: number): Promise<Happening> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const received = this.#packets.shift();
      if (received !== undefined) return received;
      if (this.#ending instanceof Error) throw this.#ending;
      if (this.#ending === "closed") return "closed";
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return "silence";
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Sends all parts in one write. */
  send(...parts: Uint8Array[]): void {
    this.#stream.write(Buffer.concat(parts));
  }

  /** Closes without DISCONNECT, as a network failure does. */
  drop(): void {
    this.#stream.destroy();
  }

  /** Leaves in an orderly way; once it is done the broker has taken note. */
  async disconnect(reasonCode?: number): Promise<void> {
    this.send(disconnect(reasonCode));
    await this.expectClosed();
  }

  /** Stops or goes on reading from the network; unread bytes wait in the kernel, then in the broker. */
  setReading(reading: boolean): void {
    if (reading) this.#stream.resume();
    else this.#stream.pause();
  }

  /** The next packet, which must be of this type. */
  async expect(type: ServerPacketType, withinMs: number = answerTimeoutMs): Promise<ServerPacket> {
    const happening = await this.#next(withinMs);
    if (typeof happening === "string" || happening.type !== type) {
      throw new Error(`expected ${type}, got ${describeHappening(happening)}`);
    }
    return happening;
  }

  /** Packets of any type: at least so many, and all that follow until the broker is silent or closes. */
  async collect(atLeast: number): Promise<ServerPacket[]> {
    const found: ServerPacket[] = [];
    for (;;) {
      const happening = await this.#next(found.length < atLeast ? answerTimeoutMs : quietMs);
      if (typeof happening === "string") return found;
      found.push(happening);
    }
  }

  /** All packets that come before the close. */
  async collectToClose(): Promise<ServerPacket[]> {
    const found = await this.collect(Number.POSITIVE_INFINITY);
    await this.expectClosed();
    return found;
  }

  /** The broker closes the connection and sends nothing before. */
  async expectClosed(withinMs: number = answerTimeoutMs): Promise<void> {
    const happening = await this.#next(withinMs);
    if (happening !== "closed") throw new Error(`expected a close, got ${describeHappening(happening)}`);
  }

  /** DISCONNECT with one of these Reason Codes, then the close. */
  async expectDisconnect(...reasonCodes: number[]): Promise<ServerPacket> {
    return this.#expectFinal("DISCONNECT", reasonCodes, answerTimeoutMs);
  }

  async expectDisconnectWithin(withinMs: number, ...reasonCodes: number[]): Promise<ServerPacket> {
    return this.#expectFinal("DISCONNECT", reasonCodes, withinMs);
  }

  /** CONNACK with one of these Reason Codes, then the close. */
  async expectRefusal(...reasonCodes: number[]): Promise<ServerPacket> {
    return this.#expectFinal("CONNACK", reasonCodes, answerTimeoutMs);
  }

  /** The close, with or without a CONNACK of this Reason Code before: where the specification leaves that open. */
  async expectRejected(...reasonCodes: number[]): Promise<void> {
    const answers = await this.collectToClose();
    const wrong = answers.find((one) => one.type !== "CONNACK" || !reasonCodes.includes(one.reasonCode));
    if (wrong !== undefined)
      throw new Error(`expected a refusal or a close, got ${describeHappening(wrong)}`);
  }

  async #expectFinal(type: ServerPacketType, codes: number[], withinMs: number): Promise<ServerPacket> {
    const final = await this.#next(withinMs);
    // The specification only allows the last packet, it demands the close: another broker is held to that.
    if (final === "closed" && foreignCommand !== undefined) return emptyPacket(type, Buffer.alloc(0));
    if (typeof final === "string" || final.type !== type || !codes.includes(final.reasonCode)) {
      const wanted = codes.map((code) => `0x${code.toString(16)}`).join(" or ");
      throw new Error(`expected ${type} ${wanted}, got ${describeHappening(final)}`);
    }
    await this.expectClosed();
    return final;
  }

  /** Nothing comes for a short while, and the connection stays open. */
  async expectNothing(ms: number = quietMs): Promise<void> {
    const happening = await this.#next(ms);
    if (happening !== "silence") throw new Error(`expected nothing, got ${describeHappening(happening)}`);
  }

  /** All that was sent before has been processed: PINGRESP is the next packet. */
  async fence(): Promise<void> {
    this.send(pingreq());
    await this.expect("PINGRESP");
  }

  nextPacketIdentifier(): number {
    this.#lastPacketIdentifier = (this.#lastPacketIdentifier % 0xffff) + 1;
    return this.#lastPacketIdentifier;
  }

  /** Subscribes and returns SUBACK. A bare filter asks for QoS 2 without further options. */
  async subscribe(
    filters: string | readonly FilterAndOptions[],
    properties?: PropertySource,
  ): Promise<ServerPacket> {
    const list: readonly FilterAndOptions[] = typeof filters === "string" ? [[filters, 2]] : filters;
    this.send(subscribe(this.nextPacketIdentifier(), list, properties, this.#version));
    // Messages of the subscription may come before its SUBACK [MQTT 5.0, 3.8.4].
    return this.#expectAmongMessages("SUBACK");
  }

  /** The next packet but PUBLISH; messages that come before it stay to be received. */
  async #expectAmongMessages(type: ServerPacketType): Promise<ServerPacket> {
    const messages: ServerPacket[] = [];
    for (;;) {
      const next = await this.#next(answerTimeoutMs);
      if (typeof next === "string" || (next.type !== type && next.type !== "PUBLISH")) {
        throw new Error(`expected ${type}, got ${describeHappening(next)}`);
      }
      if (next.type === type) {
        this.#packets.unshift(...messages);
        return next;
      }
      messages.push(next);
    }
  }

  async unsubscribe(...filters: string[]): Promise<ServerPacket> {
    this.send(unsubscribe(this.nextPacketIdentifier(), filters, undefined, this.#version));
    return this.expect("UNSUBACK");
  }

  /** Publishes and waits until the broker has taken the message: the whole handshake, or a fence with QoS 0. */
  async publish(fields: PublishFields): Promise<ServerPacket | undefined> {
    const packetIdentifier = fields.qos ? this.nextPacketIdentifier() : undefined;
    const identified = packetIdentifier === undefined ? fields : { ...fields, packetIdentifier };
    this.send(publish(identified, this.#version));
    if (packetIdentifier === undefined) {
      await this.fence();
      return undefined;
    }
    if (fields.qos === 1) return this.expect("PUBACK");
    const received = await this.expect("PUBREC");
    if (received.reasonCode >= 0x80) return received;
    this.send(pubrel(packetIdentifier));
    return this.expect("PUBCOMP");
  }

  /** Receives the next PUBLISH and acknowledges it to the end. */
  async receive(withinMs: number = answerTimeoutMs): Promise<ServerPacket> {
    const message = await this.expect("PUBLISH", withinMs);
    if (message.qos === 1) this.send(puback(message.packetIdentifier));
    if (message.qos === 2) {
      this.send(pubrec(message.packetIdentifier));
      const release = await this.#expectAmongMessages("PUBREL");
      if (release.packetIdentifier !== message.packetIdentifier) {
        throw new Error(`PUBREL is for ${release.packetIdentifier} instead of ${message.packetIdentifier}`);
      }
      this.send(pubcomp(message.packetIdentifier));
    }
    return message;
  }
}
