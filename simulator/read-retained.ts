import type { Clock } from "@dunlin/broker";
import { encodePacket, StreamDecoder } from "@dunlin/protocol";
import { idOf } from "./own-messages.ts";
import type { BrokerProcess } from "./process-of-broker.ts";

const WAIT_MS = 2000;
const LINK = {
  does: "connect",
  afterMs: 0,
  client: "reader",
  cleanStart: true,
  expirySeconds: 0,
  keepAliveSeconds: 0,
  receiveMaximum: 65_535,
  topicAliasMaximum: 0,
  will: undefined,
  pace: "prompt",
  delayMs: 0,
  pieceBytes: 100_000,
  windowBytes: 100_000_000,
  seed: 0,
} as const;

/** All retained messages: their names by topic. Undefined where the broker does not answer. */
export async function readRetained(
  process: BrokerProcess,
  clock: Clock,
  advance: (ms: number) => Promise<void>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const link = process.open(LINK);
  if (link === undefined) return undefined;
  const decoder = new StreamDecoder({ version: 5, sender: "server", maximumPacketSize: 1_000_000 });
  const messages = new Map<string, string>();
  let isAnswered = false;
  link.client.start({
    onBytes(bytes, start, end) {
      for (const packet of decoder.push(bytes.slice(start, end))) {
        if (packet.type === "PUBLISH") messages.set(packet.topicName, idOf(packet) ?? "damaged");
        if (packet.type === "SUBACK") isAnswered = true;
      }
    },
    onDrained() {},
    onClosed() {},
  });
  const connect = { clientId: "reader", cleanStart: true, keepAliveSeconds: 0, properties: {} };
  const subscription = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const bytes = Buffer.concat([
    encodePacket({ type: "CONNECT", protocolVersion: 5, ...connect }, 5),
    encodePacket(
      {
        type: "SUBSCRIBE",
        packetIdentifier: 1,
        subscriptions: [{ topicFilter: "#", ...subscription }],
        properties: {},
      },
      5,
    ),
  ]);
  link.client.write(bytes, 0, bytes.length);
  const untilMs = clock.monotonic() + WAIT_MS;
  while (clock.monotonic() < untilMs) await advance(WAIT_MS / 4);
  link.cut();
  return isAnswered ? messages : undefined;
}
