import type { ByteReceiver, Clock } from "@dunlin/broker";
import {
  type ConnackPacket,
  type ControlPacket,
  encodePacket,
  type PublishPacket,
  StreamDecoder,
} from "@dunlin/protocol";
import type { HistoryEvent } from "@dunlin/test-kit";
import { Dice } from "./dice.ts";
import type { Link } from "./link.ts";
import { idOf, type OwnMessage, payloadOf } from "./own-messages.ts";
import type { ClientPlan, Step } from "./scenario.ts";
import { WillWatch } from "./will-watch.ts";

export type ConnectStep = Extract<Step, { does: "connect" }>;
type DisconnectStep = Extract<Step, { does: "disconnect" }>;
type SubscribeStep = Extract<Step, { does: "subscribe" }>;
type PublishStep = Extract<Step, { does: "publish" }>;

/** What the world is to a client. */
export interface Surroundings {
  readonly clock: Clock;
  /** Undefined where nobody listens. */
  open(step: ConnectStep): Link | undefined;
  tell(event: HistoryEvent): void;
}

interface Outgoing {
  readonly message: OwnMessage;
  stage: "published" | "released";
}

const success = { reasonCode: 0, properties: {} } as const;
const LATEST_ANSWER_MS = 150;
const LONGEST_PAUSE_MS = 300;
const MAXIMUM_PACKET_SIZE = 1_000_000;
/** A client that has been away for so much of its Session Expiry Interval no longer counts on its session. */
const EXPIRY_SLACK_SECONDS = 10;
const NEVER_EXPIRES = 0xffffffff;

/** An MQTT client that does what the specification asks of one, over links that do what they like. */
export class SimulatedClient implements ByteReceiver {
  readonly plan: ClientPlan;
  readonly will: WillWatch;
  link: Link | undefined;
  state: "closed" | "connecting" | "connected" | "leaving" = "closed";
  /** What it did last; comes back by itself with it. */
  lastConnect: ConnectStep | undefined;
  /** By Packet Identifier, oldest first. */
  readonly outgoing = new Map<number, Outgoing>();
  readonly #around: Surroundings;
  readonly #dice: Dice;
  #pace: ConnectStep["pace"] = "prompt";
  #decoder: StreamDecoder | undefined;
  #waiting: OwnMessage[] = [];
  readonly #unreleased = new Set<number>();
  readonly #aliases = new Map<number, string>();
  readonly #requests = new Map<number, () => void>();
  #answers: ControlPacket[] = [];
  #quota = 0;
  #nextIdentifier = 1;
  #published = 0;
  /** A CONNECT with Clean Start that nobody has answered: only another one leaves no doubt. */
  #owesCleanStart = false;
  #isHurried = false;
  /** It has said goodbye. */
  #isAway = false;
  #expirySeconds = 0;
  #lastConnectedMs = 0;
  #heardMs = 0;
  #keepAliveSeconds = 0;
  #cancels: (() => void)[] = [];

  constructor(plan: ClientPlan, around: Surroundings) {
    this.plan = plan;
    this.#around = around;
    this.#dice = new Dice(plan.seed);
    this.will = new WillWatch(plan.clientId, around);
  }

  get isIdle(): boolean {
    return this.outgoing.size === 0 && this.#waiting.length === 0;
  }

  connect(step: ConnectStep): void {
    const link = this.#around.open(step);
    if (link === undefined) return;
    // A CONNECT that comes late would take over from this one.
    if (this.state === "connecting") this.link?.cut();
    this.#close();
    this.link = link;
    this.lastConnect = { ...step, cleanStart: step.expirySeconds === 0 && this.plan.version === 4 };
    this.#isAway = false;
    this.#pace = this.#isHurried ? "prompt" : step.pace;
    this.state = "connecting";
    const { clientId, version } = this.plan;
    if (this.#mayHaveExpired()) this.forget();
    const cleanStart = step.cleanStart || this.#owesCleanStart;
    if (cleanStart) this.#owesCleanStart = true;
    const expirySeconds = version === 4 ? (cleanStart ? 0 : NEVER_EXPIRES) : step.expirySeconds;
    this.#expirySeconds = expirySeconds;
    this.#decoder = new StreamDecoder({ version, sender: "server", maximumPacketSize: MAXIMUM_PACKET_SIZE });
    const will = this.will.connecting(step.will, expirySeconds, link);
    this.#around.tell({ is: "connecting", client: clientId, cleanStart, expirySeconds });
    const { receiveMaximum, topicAliasMaximum, keepAliveSeconds } = step;
    const properties =
      version === 5 ? { sessionExpiryIntervalSeconds: expirySeconds, receiveMaximum, topicAliasMaximum } : {};
    link.client.start(this.#receiverFor(link));
    const fields = { clientId, cleanStart, keepAliveSeconds, will, properties };
    this.#send({ type: "CONNECT", protocolVersion: version, ...fields });
    this.#heardMs = this.#around.clock.monotonic();
    this.#keepAliveSeconds = keepAliveSeconds;
    if (keepAliveSeconds > 0) this.#keepAlive(keepAliveSeconds * 500);
  }

  /** Connects once more if it has a session that it may go on with. */
  comeBack(): void {
    if (this.lastConnect === undefined || this.state !== "closed") return;
    this.connect(this.lastConnect);
    if (this.state === "closed") this.#comeBackLater();
  }

  /** What it remembers of its session is gone: it cannot go on with it. */
  forget(): void {
    if (this.outgoing.size > 0 || this.#unreleased.size > 0) this.#owesCleanStart = true;
    this.outgoing.clear();
    this.#unreleased.clear();
  }

  /** The broker has lost some of its session. */
  startAnew(): void {
    this.forget();
    this.#owesCleanStart = true;
  }

  disconnect({ withWill, endsSession }: DisconnectStep): void {
    if (this.state !== "connected") return;
    this.state = "leaving";
    this.#isAway = true;
    const isVersion5 = this.plan.version === 5;
    if (endsSession && isVersion5) this.#expirySeconds = 0;
    this.#around.tell({ is: "leaving", client: this.plan.clientId, expirySeconds: this.#expirySeconds });
    const isWithWill = withWill && isVersion5;
    if (!isWithWill) this.will.leaving();
    const properties = endsSession && isVersion5 ? { sessionExpiryIntervalSeconds: 0 } : {};
    this.#send({ type: "DISCONNECT", reasonCode: isWithWill ? 4 : 0, properties });
  }

  subscribe(step: SubscribeStep): void {
    if (this.state !== "connected") return;
    const { topicFilter, qos, noLocal, retainAsPublished, retainHandling, subscriptionIdentifier } = step;
    const packetIdentifier = this.#takeIdentifier();
    const flags = { topicFilter, qos, noLocal, retainAsPublished };
    const change = { client: this.plan.clientId, ...flags, subscriptionIdentifier };
    this.#around.tell({ is: "subscribing", ...change });
    this.#requests.set(packetIdentifier, () => this.#around.tell({ is: "subscribed", ...change }));
    const properties = subscriptionIdentifier > 0 ? { subscriptionIdentifier } : {};
    this.#send({
      type: "SUBSCRIBE",
      packetIdentifier,
      subscriptions: [{ ...flags, retainHandling }],
      properties,
    });
  }

  unsubscribe(topicFilter: string): void {
    if (this.state !== "connected") return;
    const packetIdentifier = this.#takeIdentifier();
    const change = { client: this.plan.clientId, topicFilter };
    this.#around.tell({ is: "unsubscribing", ...change });
    this.#requests.set(packetIdentifier, () => this.#around.tell({ is: "unsubscribed", ...change }));
    this.#send({ type: "UNSUBSCRIBE", packetIdentifier, topicFilters: [topicFilter], properties: {} });
  }

  publish({ topicName, qos, retain, clears, expirySeconds, count, bytes }: PublishStep): void {
    if (this.state !== "connected") return;
    for (let copy = 0; copy < count; copy++) {
      const id = `${this.plan.clientId}-m${this.#published++}`;
      const payload = clears ? new Uint8Array(0) : payloadOf(id, bytes);
      this.#waiting.push({ id, topicName, payload, qos, retain, expirySeconds });
    }
    this.#pump();
  }

  /** Sends the answers that are due. */
  answer(): void {
    for (const packet of this.#answers.splice(0)) this.#send(packet);
  }

  /** From now on it answers at once, and does not stay away. */
  hurry(): void {
    this.#isHurried = true;
    this.#isAway = false;
    this.#pace = "prompt";
    this.answer();
  }

  onBytes(bytes: Uint8Array, start: number, end: number): void {
    this.#heardMs = this.#around.clock.monotonic();
    const link = this.link;
    for (const packet of this.#decoder?.push(bytes.slice(start, end)) ?? []) {
      if (this.link !== link) return;
      this.#onPacket(packet);
    }
  }

  onDrained(): void {}

  onClosed(error?: Error): void {
    // Silent, it would be closed as well; a client of MQTT 3.1.1 is not told why.
    const isPlain = this.plan.version === 5 || this.#keepAliveSeconds === 0;
    this.will.closed(error === undefined && isPlain);
    this.#close();
    if (!this.#isAway) this.#comeBackLater();
  }

  #receiverFor(link: Link): ByteReceiver {
    const isCurrent = (): boolean => this.link === link && this.state !== "closed";
    return {
      onBytes: (...piece) => isCurrent() && this.onBytes(...piece),
      onDrained: () => {},
      onClosed: (error) => isCurrent() && this.onClosed(error),
    };
  }

  #comeBackLater(): void {
    const pauseMs = 1 + this.#dice.below(LONGEST_PAUSE_MS);
    this.#cancels.push(
      this.#around.clock.after(pauseMs, () => {
        this.comeBack();
      }),
    );
  }

  #close(): void {
    if (this.state === "closed") return;
    if (this.state === "connected" || this.state === "leaving")
      this.#lastConnectedMs = this.#around.clock.now();
    this.state = "closed";
    this.will.closed(false);
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#answers = [];
    this.#requests.clear();
    this.#aliases.clear();
    this.#waiting = [];
    this.#around.tell({ is: "closed", client: this.plan.clientId });
  }

  #mayHaveExpired(): boolean {
    if (this.#expirySeconds === NEVER_EXPIRES) return false;
    const awaySeconds = (this.#around.clock.now() - this.#lastConnectedMs) / 1000;
    return awaySeconds > this.#expirySeconds - EXPIRY_SLACK_SECONDS;
  }

  #keepAlive(ms: number): void {
    const { clock } = this.#around;
    const cancel = clock.every(ms, () => {
      if (clock.monotonic() - this.#heardMs > ms * 3) {
        this.link?.abandon();
        return;
      }
      if (this.state === "connected") this.#send({ type: "PINGREQ" });
    });
    this.#cancels.push(cancel);
  }

  #send(packet: ControlPacket): void {
    const bytes = encodePacket(packet, this.plan.version);
    if (packet.type === "PUBACK" || packet.type === "PUBCOMP") {
      const { packetIdentifier } = packet;
      this.#around.tell({ is: "finished", client: this.plan.clientId, packetIdentifier });
    }
    this.link?.client.write(bytes, 0, bytes.length);
  }

  #takeIdentifier(): number {
    do this.#nextIdentifier = (this.#nextIdentifier % 60) + 1;
    while (this.outgoing.has(this.#nextIdentifier) || this.#requests.has(this.#nextIdentifier));
    return this.#nextIdentifier;
  }

  #pump(): void {
    while (this.state === "connected") {
      const [message] = this.#waiting;
      if (message === undefined || (message.qos > 0 && this.outgoing.size >= this.#quota)) return;
      this.#waiting.shift();
      const { id, topicName, qos, retain, payload, expirySeconds } = message;
      const packetIdentifier = qos > 0 ? this.#takeIdentifier() : undefined;
      if (packetIdentifier !== undefined)
        this.outgoing.set(packetIdentifier, { message, stage: "published" });
      const clears = retain && payload.length === 0;
      const mayExpire = expirySeconds !== undefined;
      const client = this.plan.clientId;
      this.#around.tell({ is: "published", client, id, topicName, qos, retain, clears, mayExpire });
      this.#sendMessage(message, packetIdentifier, false);
    }
  }

  #sendMessage(message: OwnMessage, packetIdentifier: number | undefined, dup: boolean): void {
    const { topicName, payload, qos, retain, expirySeconds } = message;
    const properties = expirySeconds === undefined ? {} : { messageExpiryIntervalSeconds: expirySeconds };
    this.#send({ type: "PUBLISH", topicName, payload, qos, retain, dup, packetIdentifier, properties });
  }

  #onPacket(packet: ControlPacket): void {
    // It has said goodbye, and listens no more, but to why the broker may not have heard.
    if (this.state === "leaving" && packet.type !== "DISCONNECT") return;
    switch (packet.type) {
      case "CONNACK":
        return this.#onConnack(packet);
      case "PUBLISH":
        return this.#onPublish(packet);
      case "PUBREL": {
        this.#unreleased.delete(packet.packetIdentifier);
        const { packetIdentifier } = packet;
        return this.#answerWith({ type: "PUBCOMP", packetIdentifier, ...success });
      }
      case "PUBACK":
      case "PUBREC":
      case "PUBCOMP":
        return this.#onAcknowledgement(packet);
      case "DISCONNECT":
        return this.will.closed(false);
      case "SUBACK":
      case "UNSUBACK":
        this.#requests.get(packet.packetIdentifier)?.();
        this.#requests.delete(packet.packetIdentifier);
    }
  }

  #onConnack({ reasonCode, sessionPresent, properties }: ConnackPacket): void {
    if (reasonCode !== 0) throw new Error(`${this.plan.clientId} is refused: ${reasonCode}`);
    this.state = "connected";
    this.#quota = this.plan.version === 5 ? (properties.receiveMaximum ?? 65_535) : 20;
    this.#around.tell({ is: "connected", client: this.plan.clientId, sessionPresent });
    this.will.connected();
    if (!sessionPresent) this.forget();
    this.#owesCleanStart = false;
    for (const [packetIdentifier, { message, stage }] of this.outgoing) {
      if (stage === "published") this.#sendMessage(message, packetIdentifier, true);
      else this.#send({ type: "PUBREL", packetIdentifier, ...success });
    }
    this.#pump();
  }

  #onPublish(packet: PublishPacket): void {
    const { qos, retain, dup, packetIdentifier } = packet;
    const topicName = this.#topicOf(packet);
    const repeated = qos === 2 && this.#unreleased.has(packetIdentifier ?? 0);
    if (packet.payload.length > 0) {
      const id = idOf(packet) ?? "damaged";
      const client = this.plan.clientId;
      const { subscriptionIdentifiers = [] } = packet.properties;
      const fields = { topicName, qos, retain, dup, packetIdentifier, repeated, subscriptionIdentifiers };
      this.#around.tell({ is: "received", client, id, ...fields });
    }
    if (packetIdentifier === undefined) return;
    if (qos === 2) this.#unreleased.add(packetIdentifier);
    this.#answerWith({ type: qos === 1 ? "PUBACK" : "PUBREC", packetIdentifier, ...success });
  }

  #topicOf({ topicName, properties: { topicAlias } }: PublishPacket): string {
    if (topicAlias === undefined) return topicName;
    if (topicName !== "") this.#aliases.set(topicAlias, topicName);
    return this.#aliases.get(topicAlias) ?? "";
  }

  /** In the order in which what it answers came [MQTT-4.6.0-2]. */
  #answerWith(packet: ControlPacket): void {
    this.#answers.push(packet);
    if (this.#pace === "prompt") this.answer();
    else if (this.#pace === "late") {
      const cancel = this.#around.clock.after(this.#dice.below(LATEST_ANSWER_MS), () => this.answer());
      this.#cancels.push(cancel);
    }
  }

  #onAcknowledgement(packet: Extract<ControlPacket, { type: "PUBACK" | "PUBREC" | "PUBCOMP" }>): void {
    const { type, packetIdentifier, reasonCode } = packet;
    const outgoing = this.outgoing.get(packetIdentifier);
    const isRefused = reasonCode >= 0x80;
    if (outgoing?.stage === "published" && type !== "PUBCOMP" && !isRefused) {
      this.#around.tell({ is: "acknowledged", client: this.plan.clientId, id: outgoing.message.id });
    }
    if (type === "PUBREC" && !isRefused) {
      if (outgoing !== undefined) outgoing.stage = "released";
      this.#send({ type: "PUBREL", packetIdentifier, ...success });
      return;
    }
    this.outgoing.delete(packetIdentifier);
    this.#pump();
  }
}
