import { encodePacket, type QoS } from "@dunlin/protocol";
import { FakeClock, type MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";
import { beforeEach, describe, expect, test } from "vitest";

/** What one read of a socket takes at most. */
const READ_BYTES = 64 * 1024;
const FLOOD_BYTES = 4 * 1024 * 1024;
/** PUBLISH packets of the others between a client's own and its delivery, and turns of the event loop. */
const PACKETS_BETWEEN = 2 * 256;
const TURNS_BETWEEN = 2;
const ROUNDS = 20;

/** Its turns come by themselves at first, and then one at a time. */
class TurnClock extends FakeClock {
  mode: "free" | "counted" = "free";
  #waiting: (() => void)[] = [];

  override afterTurn(callback: () => void): void {
    if (this.mode === "free") super.afterTurn(callback);
    else this.#waiting.push(callback);
  }

  async turn(): Promise<void> {
    for (const callback of this.#waiting.splice(0)) callback();
    await settled();
  }
}

// In packets and turns rather than in time, which a busy machine would bend.
describe("a client beside another that gives the broker much to do", () => {
  let clock: TurnClock;
  let virtual: VirtualBroker;
  let probe: MemoryClient;

  beforeEach(async () => {
    clock = new TurnClock();
    virtual = await VirtualBroker.start({ limits: { maximumOutputBytes: 100_000 } }, clock);
    probe = await virtual.connect("probe");
    await probe.subscribe("probe", 1);
  });

  /** Publishes to itself: what others had done in between, in packets, and how many turns it took. */
  async function roundTrip(): Promise<{ packets: number; turns: number }> {
    const before = virtual.broker.counters.publishReceived;
    probe.take();
    probe.send(probe.message("probe", "x", { qos: 1 }));
    for (let turns = 1; turns <= 100; turns++) {
      await settled();
      await clock.turn();
      const packets = virtual.broker.counters.publishReceived - before - 1;
      if (probe.take().some(({ type }) => type === "PUBLISH")) return { packets, turns };
    }
    throw new Error("the message has not come");
  }

  async function expectServed(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const { packets, turns } = await roundTrip();
      expect(packets).toBeLessThanOrEqual(PACKETS_BETWEEN);
      expect(turns).toBeLessThanOrEqual(TURNS_BETWEEN);
    }
  }

  /** A client that has sent much more than the broker can have read. */
  async function flood(topicName: string, qos: QoS, bytes: number): Promise<MemoryClient> {
    const stream = { chunkSizes: [READ_BYTES] };
    const flooder = await virtual.connect("flooder", { protocolVersion: 4, stream });
    const packet = encodePacket(flooder.message(topicName, Buffer.alloc(64), { qos }), 4);
    clock.mode = "counted";
    flooder.sendBytes(Buffer.concat(Array(Math.ceil(bytes / packet.length)).fill(packet)));
    await settled();
    return flooder;
  }

  test("alone, waits for one turn", async () => {
    clock.mode = "counted";
    expect(await roundTrip()).toEqual({ packets: 0, turns: 1 });
  });

  test.each([0, 1, 2] as const)("a flooding publisher with QoS %d does not get in its way", async (qos) => {
    const reader = await virtual.connect("reader");
    await reader.subscribe("flood", qos);
    const flooder = await flood("flood", qos, FLOOD_BYTES);
    await expectServed();
    // It has been flooding all the while, and is served as well.
    expect(flooder.stream.writableLength).toBeGreaterThan(0);
    expect(virtual.broker.counters.publishReceived).toBeGreaterThan((ROUNDS * PACKETS_BETWEEN) / 4);
  });

  test("a flood is left in its publisher's socket until it is its turn", async () => {
    const { counters } = virtual.broker;
    const flooder = await flood("flood", 0, FLOOD_BYTES);
    for (let turn = 0; turn < ROUNDS; turn++) {
      const { writableLength } = flooder.stream;
      const before = counters.bytesReceived;
      await clock.turn();
      expect(counters.bytesReceived - before).toBeLessThanOrEqual(2 * READ_BYTES);
      expect(flooder.stream.writableLength).toBe(writableLength - (counters.bytesReceived - before));
    }
    expect(flooder.stream.writableLength).toBeGreaterThan(0);
  });

  test.each([0, 1] as const)(
    "a subscriber with QoS %d that stops reading does not get in its way",
    async (qos) => {
      const slow = await virtual.connect("slow", { stream: { windowBytes: 1000 } });
      await slow.subscribe("flood", qos);
      slow.stream.hold();
      await flood("flood", qos, FLOOD_BYTES);
      await expectServed();
      for (let turn = 0; turn < ROUNDS; turn++) await clock.turn();
      await expectServed();
      const { droppedByCongestion, messagesDropped } = virtual.broker.counters;
      // What it has no room for is dropped and counted with QoS 0, kept with QoS 1.
      expect(droppedByCongestion > 0).toBe(qos === 0);
      expect(messagesDropped).toBe(droppedByCongestion);
      expect(slow.state).toBe("open");
    },
  );
});
