import { type ControlPacket, type PublishPacket, StreamDecoder } from "@dunlin/protocol";
import { RawClient } from "./raw-client.ts";

const PERIOD_MS = 20;

/** A well-behaved client: publishes to itself with QoS 1, and takes the time. */
export class Probe {
  readonly #client: RawClient;
  readonly #decoder = new StreamDecoder({ version: 5, sender: "server", maximumPacketSize: 1000 });
  #sentMs = 0;
  #worstMs = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(client: RawClient) {
    this.#client = client;
    client.socket.on("data", (chunk: Buffer) => {
      for (const packet of this.#decoder.push(chunk)) this.#receive(packet);
    });
  }

  static async start(url: string): Promise<Probe> {
    const probe = new Probe(await RawClient.open(url));
    probe.#client.connect("probe");
    probe.#client.subscribe("probe", 1);
    probe.#publish();
    return probe;
  }

  /** Milliseconds that the slowest message took, one that is on its way now included. */
  async worstMs(): Promise<number> {
    const { socket } = this.#client;
    const before = this.#sentMs;
    while (this.#sentMs === before) {
      if (socket.destroyed)
        throw new Error("the broker has closed the connection of the well-behaved client");
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
    return this.#worstMs;
  }

  /** Forgets what was slow before. */
  reset(): void {
    this.#worstMs = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#client.socket.destroy();
  }

  #publish(): void {
    this.#sentMs = performance.now();
    const message = { topicName: "probe", payload: new Uint8Array(10), qos: 1, packetIdentifier: 1 } as const;
    this.#client.publish(message);
  }

  #receive(packet: ControlPacket): void {
    if (packet.type !== "PUBLISH") return;
    this.#worstMs = Math.max(this.#worstMs, performance.now() - this.#sentMs);
    const { packetIdentifier = 0 } = packet as PublishPacket;
    this.#client.send({ type: "PUBACK", packetIdentifier, reasonCode: 0, properties: {} });
    this.#timer = setTimeout(() => this.#publish(), PERIOD_MS);
  }
}
