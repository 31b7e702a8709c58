import { Store } from "mqtt";
import { describe, expect, test } from "vitest";
import type { Message } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";
import { connectMqttJs, type MqttJsClient, type MqttJsMessage } from "./mqttjs-client.ts";
import { missingPahoPython, PahoPython } from "./paho-python-client.ts";
import { closing, skipWithout, uniqueName } from "./test-scope.ts";
import { useBroker } from "./use-broker.ts";

const broker = useBroker();
const payloads = Array.from({ length: 300 }, (_, index) => String(index));
/** What has been delivered when the broker crashes: it is in the middle of the rest. */
const deliveredBefore = 50;

/** Messages that MQTT.js has in flight: with more, the broker would have all of them before it crashes. */
const window = 10;

/** MQTT.js keeps what is in flight in its stores: a new client with the old stores goes on. */
class ResumingMqttJs {
  readonly inbox: Inbox<MqttJsMessage> = new Inbox();
  readonly #clientId = uniqueName("client");
  readonly #incomingStore = new Store({ clean: false });
  readonly #outgoingStore = new Store({ clean: false });

  async connect(): Promise<MqttJsClient> {
    const options = {
      clientId: this.#clientId,
      clean: false,
      incomingStore: this.#incomingStore,
      outgoingStore: this.#outgoingStore,
      properties: { sessionExpiryInterval: 1000 },
    };
    return closing(await connectMqttJs(broker.url("tcp"), "5.0", options, this.inbox));
  }
}

/** Paho keeps what is in flight in its client, which connects again. */
class ResumingPaho {
  readonly client: PahoPython = closing(new PahoPython());
  readonly #clientId = uniqueName("client");

  async connect(): Promise<void> {
    const options = { cleanStart: false, properties: { SessionExpiryInterval: 1000 } };
    const { ca: caFile } = broker.certificates;
    await this.client.connect({
      url: broker.url("tcp"),
      version: "5.0",
      clientId: this.#clientId,
      caFile,
      ...options,
    });
  }
}

/** Takes all that comes, the messages before the crash included, and holds it against what was sent. */
async function expectEachOnce(
  inbox: Inbox<Message>,
  before: readonly Message[],
  publishLast: () => Promise<unknown>,
): Promise<void> {
  const rest = await inbox.take(payloads.length - before.length);
  await publishLast();
  const surplus = await inbox.takeUntil((message) => message.payload === "last");
  expect([...before, ...rest, ...surplus].map(({ payload }) => payload)).toEqual(payloads);
}

describe("QoS 2 is exactly once, in order, though the broker crashes in the middle of it", () => {
  test("MQTT.js 5, MQTT 5.0 over TCP", async () => {
    const topic = uniqueName("topic");
    const [publisher, subscriber] = [new ResumingMqttJs(), new ResumingMqttJs()];
    await (await subscriber.connect()).client.subscribeAsync(topic, { qos: 2 });
    let handedOver = 0;
    const publishAll = async ({ client }: MqttJsClient): Promise<void> => {
      while (handedOver < payloads.length) {
        const some = payloads.slice(handedOver, handedOver + window);
        handedOver += window;
        await Promise.all(some.map((payload) => client.publishAsync(topic, payload, { qos: 2 })));
      }
    };
    // The crash breaks it off.
    publishAll(await publisher.connect()).catch(() => undefined);
    const before = await subscriber.inbox.take(deliveredBefore);
    await broker.restart("SIGKILL");
    expect(handedOver).toBeLessThan(payloads.length);

    const resumed = await publisher.connect();
    await subscriber.connect();
    await publishAll(resumed);
    await expectEachOnce(subscriber.inbox, before, () =>
      resumed.client.publishAsync(topic, "last", { qos: 2 }),
    );
  });

  test("Eclipse Paho for Python 1.6, MQTT 5.0 over TCP", async (context) => {
    skipWithout(context, missingPahoPython);
    const topic = uniqueName("topic");
    const [publisher, subscriber] = [new ResumingPaho(), new ResumingPaho()];
    await subscriber.connect();
    await subscriber.client.subscribe(topic, 2);
    await publisher.connect();
    await publisher.client.publishAll({ topic, payloads, qos: 2, wait: false });
    const before = await subscriber.client.inbox.take(deliveredBefore);
    await broker.restart("SIGKILL");

    await publisher.connect();
    await subscriber.connect();
    await expectEachOnce(subscriber.client.inbox, before, () =>
      publisher.client.publishAll({ topic, payloads: ["last"], qos: 2 }),
    );
  });
});
