/** Drives the broker's core without a network and prints what a message costs, as JSON. Started by the guard. */
import { GCProfiler } from "node:v8";
import { createBroker } from "@dunlin/broker";
import { type ControlPacket, encodePacket, FrameReader, PacketType, type QoS } from "@dunlin/protocol";
import { SinkListener, type SinkStream, TurnClock } from "./sink-stream.ts";

const PAIRS = 10;
const PACKETS_PER_BURST = 100;
const MESSAGES_PER_BURST = PAIRS * PACKETS_PER_BURST;
const PAYLOAD_BYTES = 64;
const WARM_UP_BURSTS = 200;
const TIMED_BURSTS = 500;
const COUNTED_BURSTS = 50;
const VERSION = 4;

/** What one message costs, from the publisher's bytes to the subscriber's. */
export interface HotPathCost {
  /** Bytes of JavaScript heap, also those that were collected again. */
  readonly heapBytes: number;
  /** Bytes that were copied, as a multiple of the size of its packet. */
  readonly copies: number;
  /** Writes of each connection in a turn of the event loop. */
  readonly writesPerTurn: number;
  /** Time, as a multiple of that of the reference loop. */
  readonly timeRatio: number;
}

export interface HotPathReport {
  readonly qos0: HotPathCost;
  readonly qos1: HotPathCost;
}

interface Pair {
  readonly publisher: SinkStream;
  readonly subscriber: SinkStream;
  readonly burst: Uint8Array;
}

const clock = new TurnClock();
const listener = new SinkListener();
const broker = createBroker({ listeners: [listener], clock, sysIntervalSeconds: 0 });
await broker.start();

async function send(stream: SinkStream, packet: ControlPacket): Promise<void> {
  stream.receive(encodePacket(packet, VERSION));
  // Connecting may take a few turns.
  for (let turn = 0; turn < 5; turn++) {
    clock.turn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function openClient(clientId: string): Promise<SinkStream> {
  const stream = listener.connect();
  const keepAliveSeconds = 0;
  await send(stream, {
    type: "CONNECT",
    protocolVersion: VERSION,
    cleanStart: true,
    keepAliveSeconds,
    clientId,
    properties: {},
  });
  return stream;
}

async function openPair(name: string, qos: QoS): Promise<Pair> {
  const topicFilter = `site/${name}/temperature`;
  const publisher = await openClient(`p-${name}`);
  const subscriber = await openClient(`s-${name}`);
  const subscription = {
    topicFilter,
    qos,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
  };
  await send(subscriber, {
    type: "SUBSCRIBE",
    packetIdentifier: 1,
    subscriptions: [subscription],
    properties: {},
  });
  const packets = Array.from({ length: PACKETS_PER_BURST }, (_, index) =>
    encodePacket(
      {
        type: "PUBLISH",
        topicName: topicFilter,
        payload: new Uint8Array(PAYLOAD_BYTES),
        qos,
        retain: false,
        dup: false,
        packetIdentifier: qos === 0 ? undefined : index + 1,
        properties: {},
      },
      VERSION,
    ),
  );
  return { publisher, subscriber, burst: Buffer.concat(packets) };
}

/** One turn in which every publisher sends a burst. */
function runBurst(pairs: readonly Pair[]): void {
  for (const { publisher, burst } of pairs) publisher.receive(burst);
  clock.turn();
}

/** PUBACKs for what the subscribers have got, which is then forgotten. */
function acknowledgementsOf(pairs: readonly Pair[]): readonly Uint8Array[] {
  return pairs.map(({ subscriber }) => {
    const acknowledgements: number[] = [];
    const reader = new FrameReader(1_000_000);
    for (const bytes of subscriber.written.splice(0)) {
      reader.feed(bytes, 0, bytes.length);
      while (reader.next()) {
        if (reader.bytes[reader.start]! >> 4 !== PacketType.PUBLISH) continue;
        const topicLength = (reader.bytes[reader.bodyStart]! << 8) | reader.bytes[reader.bodyStart + 1]!;
        const at = reader.bodyStart + 2 + topicLength;
        acknowledgements.push(PacketType.PUBACK << 4, 2, reader.bytes[at]!, reader.bytes[at + 1]!);
      }
    }
    return Uint8Array.from(acknowledgements);
  });
}

function runAcknowledgements(pairs: readonly Pair[], acknowledgements: readonly Uint8Array[]): void {
  pairs.forEach(({ subscriber }, index) => {
    subscriber.receive(acknowledgements[index]!);
  });
  clock.turn();
}

/** Bursts of which only what the broker does is seen by `watch`. */
function runBursts(pairs: readonly Pair[], qos: QoS, bursts: number, watch: (run: () => void) => void): void {
  for (let burst = 0; burst < bursts; burst++) {
    watch(() => runBurst(pairs));
    if (qos === 0) continue;
    const acknowledgements = acknowledgementsOf(pairs);
    watch(() => runAcknowledgements(pairs, acknowledgements));
  }
}

/** Bytes of heap that `run` allocates; what is collected meanwhile is counted too. */
function heapBytesOf(run: () => void): number {
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  run();
  const after = process.memoryUsage().heapUsed;
  const collected = profiler
    .stop()
    .statistics.reduce(
      (sum, { beforeGC, afterGC }) =>
        sum + beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
      0,
    );
  return after - before + collected;
}

/** Bytes that `run` copies from one buffer into another. */
function copiedBytesOf(run: () => void): number {
  let copied = 0;
  const { copy } = Buffer.prototype;
  const { set, slice } = Uint8Array.prototype;
  Buffer.prototype.copy = function (this: Buffer, ...args: Parameters<Buffer["copy"]>) {
    const length = copy.apply(this, args);
    copied += length;
    return length;
  };
  Uint8Array.prototype.set = function (this: Uint8Array, source, offset) {
    copied += source.length;
    set.call(this, source, offset);
  };
  Uint8Array.prototype.slice = function (this: Uint8Array<ArrayBuffer>, start?: number, end?: number) {
    const result = slice.call(this, start, end);
    copied += result.length;
    return result;
  };
  try {
    run();
  } finally {
    Object.assign(Buffer.prototype, { copy });
    Object.assign(Uint8Array.prototype, { set, slice });
  }
  return copied;
}

/** What this machine needs, at this moment, for work of the same kind: hash a name, look it up, copy a packet. */
function runReference(packets: Buffer, chunk: Buffer, topics: Map<number, number>): number {
  const size = packets.length / PACKETS_PER_BURST;
  let found = 0;
  for (let packet = 0; packet < MESSAGES_PER_BURST; packet++) {
    const start = (packet % PACKETS_PER_BURST) * size;
    let hash = 0;
    for (let at = start; at < start + 24; at++) hash = (Math.imul(hash, 31) + packets[at]!) | 0;
    found += topics.get(hash % 1024) ?? 1;
    packets.copy(chunk, start, start, start + size);
  }
  return found;
}

/**
 * The fastest of many short turns on either side, taken in turn: what else runs on the machine interrupts some of
 * them, never all.
 */
function timeRatioOf(pairs: readonly Pair[], qos: QoS): number {
  const packets = Buffer.from(pairs[0]!.burst);
  const chunk = Buffer.alloc(packets.length);
  const topics = new Map(Array.from({ length: 1024 }, (_, index) => [index, index]));
  // With QoS 1 a burst has two parts, the messages and their acknowledgements.
  const fastestMs = [Number.POSITIVE_INFINITY, qos === 0 ? 0 : Number.POSITIVE_INFINITY];
  let fastestReferenceMs = Number.POSITIVE_INFINITY;
  for (let burst = 0; burst < TIMED_BURSTS; burst++) {
    let part = 0;
    runBursts(pairs, qos, 1, (run) => {
      fastestMs[part] = Math.min(fastestMs[part]!, millisecondsOf(run));
      part++;
    });
    const referenceMs = millisecondsOf(() => void runReference(packets, chunk, topics));
    fastestReferenceMs = Math.min(fastestReferenceMs, referenceMs);
  }
  return (fastestMs[0]! + fastestMs[1]!) / fastestReferenceMs;
}

function millisecondsOf(run: () => void): number {
  const startedMs = performance.now();
  run();
  return performance.now() - startedMs;
}

async function measure(qos: QoS): Promise<HotPathCost> {
  const pairs: Pair[] = [];
  for (let index = 0; index < PAIRS; index++) pairs.push(await openPair(`${qos}-${index}`, qos));
  for (const { subscriber } of pairs) subscriber.keeps = qos > 0;
  runBursts(pairs, qos, WARM_UP_BURSTS, (run) => run());
  const timeRatio = timeRatioOf(pairs, qos);
  const messages = COUNTED_BURSTS * MESSAGES_PER_BURST;
  let heapBytes = 0;
  runBursts(pairs, qos, COUNTED_BURSTS, (run) => {
    heapBytes += heapBytesOf(run);
  });
  for (const { subscriber } of pairs) subscriber.keeps = false;
  const writesBefore = pairs.reduce(
    (sum, { publisher, subscriber }) => sum + publisher.writes + subscriber.writes,
    0,
  );
  const copied = copiedBytesOf(() => runBurst(pairs));
  const writes =
    pairs.reduce((sum, { publisher, subscriber }) => sum + publisher.writes + subscriber.writes, 0) -
    writesBefore;
  // With QoS 1 the publisher gets its acknowledgements as well.
  const writers = qos === 0 ? PAIRS : 2 * PAIRS;
  const burstBytes = pairs.reduce((sum, { burst }) => sum + burst.length, 0);
  return {
    heapBytes: heapBytes / messages,
    copies: copied / burstBytes,
    writesPerTurn: writes / writers,
    timeRatio,
  };
}

const report: HotPathReport = { qos0: await measure(0), qos1: await measure(1) };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit();
