import type { ConnackPacket, ProtocolVersion, PublishPacket, QoS } from "@dunlin/protocol";
import { checkHistory } from "@dunlin/test-kit";
import { Churner, subscribe } from "./churner.ts";
import {
  type ConnectOptions,
  Device,
  type DeviceListener,
  type OwnMessage,
  type StreamPosition,
} from "./device.ts";
import { Dice } from "./dice.ts";
import type { HistoryEvent } from "./history.ts";

const window = 8;
const defaultPatienceMs = 20_000;
const retryMs = 10;
/** Where it is known what has not come, that is said rather than that something has not. */
const answerMs = 500;
/** What the slow subscriber lets others publish before it comes back. */
const sleepsFor = 60;
const fenceTopic = "fence";

/** A device with its part in the world. */
interface Publisher {
  readonly device: Device;
  published: number;
}

const version5 = 5 satisfies ProtocolVersion;

/** Where another world goes on: what its clients were told, and what they remember. */
export interface WorldPast {
  /** Counts up, so that nothing is named twice. */
  readonly generation: number;
  readonly history: readonly HistoryEvent[];
  /** QoS 2 Packet Identifiers by Client Identifier. */
  readonly unreleased: ReadonlyMap<string, ReadonlySet<number>>;
}

/** Clients of every kind that use one broker, and the history of what they were told. */
export class World implements DeviceListener {
  readonly history: HistoryEvent[] = [];
  /** How often something happened: the load waits for it. */
  acknowledged = 0;
  received = 0;
  #port = 0;
  #phase: "idle" | "load" | "settling" = "idle";
  readonly #generation: number;
  readonly #patienceMs: number;
  readonly #dice: Dice;
  readonly #publishers: Publisher[];
  readonly #subscribers: Device[];
  readonly #sleeper: Device;
  readonly #keeper: Device;
  readonly #fence: Device;
  readonly #churners: Churner[];
  readonly #subscribed = new Set<Device>();
  #wills = 0;
  #fences = 0;
  #fenced = new Map<string, string>();
  #retained: Map<string, string> | undefined;
  #wake: (() => void) | undefined;

  /** `patienceMs`: how long what was promised may take to come. */
  constructor(seed: number, past?: WorldPast, patienceMs: number = defaultPatienceMs) {
    this.#patienceMs = patienceMs;
    this.#generation = past?.generation ?? 0;
    this.#dice = new Dice(seed);
    const device = (
      clientId: string,
      version: ProtocolVersion,
      expirySeconds: number,
      holdsBack = 0,
    ): Device => new Device({ clientId, version, expirySeconds, holdsBack }, this);
    this.#publishers = [
      device("publisher-5", version5, 3600),
      device("publisher-4", 4, 3600),
      device("publisher-clean", version5, 0),
    ].map((each) => ({ device: each, published: 0 }));
    this.#sleeper = device("sleeper", version5, 3600);
    this.#subscribers = [
      device("subscriber-5", version5, 3600),
      device("subscriber-4", 4, 3600),
      device("subscriber-late", version5, 3600, 7),
      this.#sleeper,
    ];
    this.#keeper = device("keeper", version5, 3600);
    this.#fence = device("fence", version5, 0);
    this.#churners = ["a", "b", "c"].map(
      (name, index) =>
        new Churner(device(`churner-${name}`, index === 0 ? 4 : 5, 3600), this.#dice, this.history),
    );
    if (past !== undefined) this.#continue(past);
  }

  /** The broker is there again: everyone comes back, at the same time. */
  async arrive(port: number): Promise<void> {
    this.#port = port;
    const all = Promise.all([
      ...this.#publishers.map(({ device }) => device.connect(port)),
      ...this.#subscribers.map((device) => this.#bringBack(device)),
      this.#bringBackKeeper(),
    ]);
    await this.#within(all, "not everyone is connected");
  }

  /** Publishes, receives, churns until `stop` or until the broker is gone. */
  load(): void {
    this.#phase = "load";
    for (const publisher of this.#publishers) this.#pump(publisher);
    void this.#sleep();
    for (const churner of this.#churners) void churner.run(this.#port, () => this.#phase === "load");
  }

  /** The broker is gone, or going. */
  killed(): void {
    this.#phase = "idle";
    for (const device of this.devices) device.drop();
    this.history.push({ is: "killed" });
  }

  /** Ends what is under way, has everyone receive what waits for them, and looks at what is retained. */
  async settle(): Promise<void> {
    this.#phase = "settling";
    try {
      await this.#within(this.#settle(Date.now() + this.#patienceMs), "something is not answered");
    } finally {
      // Also where somebody waits in vain: then it shows for what.
      this.history.push({ is: "settled" });
    }
  }

  async #settle(until: number): Promise<void> {
    for (const churner of this.#churners) await churner.settle(this.#port);
    await this.#until(until, "publishes are not finished", () =>
      this.#publishers.every(({ device }) => device.outgoing.size === 0),
    );
    for (const device of this.#subscribers) device.acknowledgeHeld();
    await this.#passFence(until);
    this.#retained = new Map();
    const reader = new Device({ clientId: "reader", version: version5, expirySeconds: 0 }, this);
    await reader.connect(this.#port);
    await reader.subscribe(["r/#"], 1);
    // Retained messages of one subscription come before the answer to the next.
    await reader.subscribe(["nothing"], 1);
    this.history.push({ is: "retained", messages: this.#retained });
    this.#retained = undefined;
    await reader.disconnect();
  }

  async leave(): Promise<void> {
    this.#phase = "idle";
    for (const device of this.devices) device.drop();
  }

  /** What to wait for before the broker is killed from outside. */
  async loaded(messages: number, isOver: () => boolean): Promise<void> {
    const enough = this.acknowledged + messages;
    while (this.acknowledged < enough && !isOver()) await this.#wait(retryMs);
  }

  onConnect({ clientId: client }: Device, options: ConnectOptions): void {
    const { cleanStart = false, expirySeconds = 0, will } = options;
    this.history.push({ is: "connecting", client, cleanStart, expirySeconds });
    if (will === undefined) return;
    const id = idOf(will.payload);
    const { topicName, qos, retain } = will;
    this.history.push({ is: "published", client, id, topicName, qos, retain, clears: false, will: true });
  }

  onConnack(device: Device, { sessionPresent, reasonCode }: ConnackPacket, at: StreamPosition): void {
    if (reasonCode !== 0) throw new Error(`${device.clientId} was refused: ${reasonCode}`);
    this.history.push({ is: "connected", client: device.clientId, sessionPresent, at });
  }

  onSent(device: Device, message: OwnMessage, isRepeated: boolean): void {
    if (isRepeated) return;
    const { id, topicName, qos, retain, payload } = message;
    const clears = payload.length === 0;
    this.history.push({ is: "published", client: device.clientId, id, topicName, qos, retain, clears });
  }

  onAcknowledged(device: Device, { id }: OwnMessage, reasonCode: number, at: StreamPosition): void {
    if (reasonCode >= 0x80) throw new Error(`${id} was refused: ${reasonCode}`);
    this.acknowledged++;
    this.history.push({ is: "acknowledged", client: device.clientId, id, at });
  }

  onDone(device: Device): void {
    const publisher = this.#publishers.find((each) => each.device === device);
    if (publisher !== undefined) this.#pump(publisher);
    this.#wake?.();
  }

  onMessage(device: Device, packet: PublishPacket, at: StreamPosition, repeated: boolean): void {
    const { topicName, qos, retain, dup, payload, packetIdentifier } = packet;
    const { clientId: client } = device;
    const id = idOf(payload);
    if (device.clientId === "reader") {
      this.#retained?.set(topicName, id);
      return;
    }
    this.received++;
    const received = { client, id, topicName, qos, retain, dup, packetIdentifier, repeated, at };
    this.history.push({ is: "received", ...received });
    if (topicName === fenceTopic) this.#fenced.set(device.clientId, id);
    this.#wake?.();
  }

  onFinished({ clientId: client }: Device, packetIdentifier: number): void {
    if (client !== "reader") this.history.push({ is: "finished", client, packetIdentifier });
  }

  onDisconnect(): void {}

  onClosed(device: Device): void {
    this.history.push({ is: "closed", client: device.clientId });
    if (device.clientId === "keeper" && device.state === "closed") this.#onWillDue();
  }

  #continue({ history, unreleased }: WorldPast): void {
    this.history.push(...history);
    for (const device of this.devices) {
      for (const identifier of unreleased.get(device.clientId) ?? []) device.unreleased.add(identifier);
    }
    if (history.some((event) => event.is === "killed" && event.survives === "some")) return;
    for (const device of this.#subscribers) {
      const { clientId } = device;
      const isSubscribed = history.some((event) => event.is === "subscribed" && event.client === clientId);
      if (isSubscribed) this.#subscribed.add(device);
    }
  }

  get devices(): readonly Device[] {
    const publishers = this.#publishers.map(({ device }) => device);
    const churners = this.#churners.map(({ device }) => device);
    return [...publishers, ...this.#subscribers, ...churners, this.#keeper, this.#fence];
  }

  async #bringBack(device: Device): Promise<void> {
    const connack = await device.connect(this.#port);
    if (connack === undefined || this.#subscribed.has(device)) return;
    const qos = device.clientId === "subscriber-4" ? 1 : 2;
    if (await subscribe(device, ["t/#", "w/#", fenceTopic], qos, this.history)) this.#subscribed.add(device);
  }

  #pump(publisher: Publisher): void {
    const { device } = publisher;
    while (this.#phase === "load" && device.state === "connected" && device.outgoing.size < window) {
      device.publish(this.#nextMessage(publisher));
    }
  }

  #nextMessage(publisher: Publisher): OwnMessage {
    const { clientId } = publisher.device;
    const number = publisher.published++;
    const qos = this.#dice.chance(1, 2) ? 1 : 2;
    const id = `${clientId}:${this.#generation}.${number}`;
    const retain = number % 5 === 0;
    const topicName = retain ? `r/${clientId}/${this.#dice.below(3)}` : `t/${clientId}/${qos}`;
    const clears = retain && this.#dice.chance(1, 4);
    if (number % 7 === 0 && !retain) return this.#message(id, `c/${this.#dice.below(3)}`, qos, false);
    return clears
      ? { id, topicName, payload: new Uint8Array(0), qos, retain }
      : this.#message(id, topicName, qos, retain);
  }

  #message(id: string, topicName: string, qos: QoS, retain: boolean): OwnMessage {
    // Some have pages of their own in the data file.
    const padding = this.#dice.chance(1, 40) ? 9000 : this.#dice.below(200);
    return { id, topicName, payload: Buffer.from(`${id} ${"x".repeat(padding)}`), qos, retain };
  }

  /** Comes and goes, so that messages wait for it on disk. */
  async #sleep(): Promise<void> {
    while (this.#phase === "load") {
      this.#sleeper.drop();
      const enough = this.acknowledged + sleepsFor;
      while (this.#phase === "load" && this.acknowledged < enough) await this.#wait(retryMs);
      if (this.#phase !== "load" || (await this.#sleeper.connect(this.#port)) === undefined) return;
      await this.#wait(retryMs);
    }
  }

  async #bringBackKeeper(): Promise<void> {
    const payload = Buffer.from(`keeper:${this.#generation}.${this.#wills++} `);
    const will = { topicName: "w/keeper", payload, qos: 2, retain: false, properties: {} } as const;
    await this.#keeper.connect(this.#port, { will });
  }

  /** From CONNACK on the broker owes the will to everyone who listens. */
  #onWillDue(): void {
    const id = owedWill(this.history, "keeper");
    if (id !== undefined) this.history.push({ is: "acknowledged", client: "keeper", id });
  }

  /** Everyone who was subscribed to it receives one more message: it comes behind all that waited. */
  async #passFence(until: number): Promise<void> {
    const id = `fence:${this.#generation}.${this.#fences++}`;
    this.#fenced = new Map();
    const waiting = [...this.#subscribers, ...this.#churners.map(({ device }) => device)];
    for (const device of this.#subscribers) if (device.state === "closed") await this.#bringBack(device);
    await this.#fence.connect(this.#port);
    this.#fence.publish(this.#message(id, fenceTopic, 1, false));
    await this.#until(until, `${id} has not come`, () =>
      waiting.every(({ clientId }) => this.#fenced.get(clientId) === id),
    );
    for (const device of this.#subscribers) device.acknowledgeHeld();
    await this.#fence.disconnect();
  }

  async #until(until: number, what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (Date.now() > until) throw new Error(`after ${this.#patienceMs} ms ${what}`);
      await this.#wait(retryMs);
    }
  }

  async #within(done: Promise<unknown>, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const text = `after ${this.#patienceMs} ms ${what}`;
      timer = setTimeout(() => reject(new Error(text)), this.#patienceMs + answerMs);
    });
    await Promise.race([done, late]).finally(() => clearTimeout(timer));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** What the broker did not hold to, by all that its clients were told. */
export function violationsOf({ history }: World): readonly string[] {
  return checkHistory(history).map(({ rule, message }) => `${rule}: ${message}`);
}

/** The will that the broker has accepted and not yet been given a reason to publish. */
export function owedWill(history: readonly HistoryEvent[], client: string): string | undefined {
  const last = history.findLast(
    (event) =>
      (event.is === "connected" || event.is === "connecting" || event.is === "acknowledged") &&
      event.client === client,
  );
  if (last?.is !== "connected") return undefined;
  const published = history.findLast((event) => event.is === "published" && event.client === client);
  return published?.is === "published" ? published.id : undefined;
}

function idOf(payload: Uint8Array): string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, Math.min(80, payload.length)).toString(
    "latin1",
  );
  return text.split(" ")[0] ?? "";
}
