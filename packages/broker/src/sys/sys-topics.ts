import { encodeUtf8 } from "@dunlin/protocol";
import type { Engine } from "../delivery/engine.ts";
import type { SystemTopicPublisher, SystemTopicService } from "../ports/system-topic-service.ts";
import { LoadAverages, MINUTES } from "./load-averages.ts";

const PREFIX = "$SYS/broker/";

/** The `$SYS` topics that users of Mosquitto know, and one for each limit; retained, told when they change. */
export class SysTopics implements SystemTopicService {
  readonly prefix = "$SYS/";
  readonly #engine: Engine;
  readonly #version: string;
  readonly #told = new Map<string, string>();
  readonly #loads = new Map<string, LoadAverages>();
  readonly #startedMs: number;
  /** Of this process, as far as it was seen. */
  #heapMaximumBytes = 0;
  #publisher: SystemTopicPublisher | undefined;
  #cancel: (() => void) | undefined;

  constructor(engine: Engine, version: string) {
    this.#engine = engine;
    this.#version = version;
    this.#startedMs = engine.options.clock.monotonic();
  }

  start(publisher: SystemTopicPublisher): void {
    this.#publisher = publisher;
    const { sysIntervalSeconds, clock } = this.#engine.options;
    this.#tell("version", `dunlin version ${this.#version}`);
    this.#update();
    this.#cancel = clock.every(sysIntervalSeconds * 1000, () => this.#update());
  }

  stop(): void {
    this.#cancel?.();
  }

  #update(): void {
    const seconds = Math.floor((this.#engine.options.clock.monotonic() - this.#startedMs) / 1000);
    this.#tell("uptime", `${seconds} seconds`);
    this.#tell("store/state", this.#engine.commits.failing ? "failing" : "working");
    for (const [topic, value] of Object.entries(this.#gauges())) this.#tell(topic, String(value));
    for (const [topic, value] of Object.entries(this.#counts())) {
      this.#tell(topic, String(value));
      this.#tellLoad(topic, value);
    }
    for (const [name, value] of Object.entries(this.#engine.counters.limits))
      this.#tell(`limits/${name}`, String(value));
  }

  #gauges(): Record<string, number> {
    const { counters, sessions, router, retained, memory, commits } = this.#engine;
    const { heapUsed: heapBytes } = process.memoryUsage();
    this.#heapMaximumBytes = Math.max(this.#heapMaximumBytes, heapBytes);
    const connected = counters.clientsConnected;
    const disconnected = Math.max(0, sessions.size - connected);
    return {
      "clients/total": sessions.size,
      "clients/connected": connected,
      "clients/active": connected,
      "clients/disconnected": disconnected,
      "clients/inactive": disconnected,
      "clients/maximum": counters.connectionsMaximum,
      "clients/expired": counters.sessionsExpired,
      "subscriptions/count": router.subscriptionCount,
      "shared_subscriptions/count": router.sharedGroupCount,
      "retained messages/count": retained.size,
      "retained messages/bytes": retained.bytes,
      "heap/current": heapBytes,
      "heap/maximum": this.#heapMaximumBytes,
      "memory budget/bytes": memory.usedBytes,
      "store/pending bytes": commits.pendingBytes,
      "store/commits": counters.commits,
      "store/commit milliseconds": Math.round(counters.commitMs),
    };
  }

  #counts(): Record<string, number> {
    const { counters } = this.#engine;
    return {
      "bytes/received": counters.bytesReceived,
      "bytes/sent": counters.bytesSent,
      "messages/received": counters.packetsReceived,
      "messages/sent": counters.packetsSent,
      "publish/messages/received": counters.publishReceived,
      "publish/messages/sent": counters.publishSent,
      "publish/messages/dropped": counters.messagesDropped,
      "publish/bytes/received": counters.publishBytesReceived,
      "publish/bytes/sent": counters.publishBytesSent,
      "connections/accepted": counters.connectionsAccepted,
      "connections/refused": counters.connectionsRefused,
      "connections/failed": counters.connectionsFailed,
    };
  }

  #tellLoad(topic: string, value: number): void {
    let load = this.#loads.get(topic);
    if (load === undefined) {
      load = new LoadAverages(this.#engine.options.sysIntervalSeconds);
      this.#loads.set(topic, load);
    }
    const averages = load.update(value);
    for (const [index, minutes] of MINUTES.entries()) {
      this.#tell(`load/${topic}/${minutes}min`, averages[index]!.toFixed(2));
    }
  }

  #tell(topic: string, value: string): void {
    if (this.#told.get(topic) === value) return;
    this.#told.set(topic, value);
    const payload = encodeUtf8(value);
    this.#publisher?.publish({ topicName: PREFIX + topic, payload, qos: 0, retain: true, properties: {} });
  }
}
