import type { QoS } from "@dunlin/protocol";
import { describe, expect, onTestFinished, type TestContext, test } from "vitest";
import { type BrokerProcess, missingOpenssl, type Transport } from "./broker-process.ts";
import type { ClientUnderTest, MqttVersion, OpenClient, OpenOptions } from "./client-under-test.ts";
import { mqttJsOpener } from "./mqttjs-client.ts";

export interface CoreSuiteOptions {
  readonly broker: BrokerProcess;
  /** With its version, e.g. "MQTT.js 5". */
  readonly client: string;
  readonly version: MqttVersion;
  readonly transport: Transport;
  readonly open: OpenClient;
  /** Why the client cannot run here. */
  readonly missing?: string | undefined;
  /** Whether the client ends with Disconnect with Will Message (0x04). */
  readonly endsWithWill?: boolean;
}

const transportNames: Record<Transport, string> = {
  tcp: "TCP",
  tls: "TLS",
  ws: "WebSocket",
  wss: "secure WebSocket",
  tlsWithClientCertificate: "TLS with a client certificate",
};

let names = 0;

/** A topic or Client Identifier that no other test of the file uses. */
export function uniqueName(stem: string): string {
  names += 1;
  return `${stem}-${names}`;
}

/** Lists the test as skipped, with the reason, where a component is missing. */
export function skipWithout(context: TestContext, missing: string | undefined): void {
  context.skip(missing !== undefined, missing);
}

/** Ends a client when the test is over, however it went. */
export function closing<Client extends ClientUnderTest>(client: Client): Client {
  onTestFinished(() => client.cut().catch(() => undefined));
  return client;
}

/** Every QoS both ways, retained messages, wills and sessions, for one client, protocol version and transport. */
export function describeCore(options: CoreSuiteOptions): void {
  const { broker, client, version, transport, open } = options;
  const encrypted = ["tls", "wss", "tlsWithClientCertificate"].includes(transport);
  const missing = options.missing ?? (encrypted ? missingOpenssl : undefined);
  const openPeer = mqttJsOpener(broker.certificates.ca);

  const openClient = async (rest: Omit<OpenOptions, "url" | "version">): Promise<ClientUnderTest> =>
    closing(await open({ url: broker.url(transport), version, ...rest }));
  /** Another client, over TCP, as the other side of each exchange. */
  const peer = async (rest: Partial<OpenOptions> = {}): Promise<ClientUnderTest> => {
    const clientId = uniqueName("peer");
    return closing(await openPeer({ url: broker.url("tcp"), version: "5.0", clientId, ...rest }));
  };

  describe(`${client}, MQTT ${version} over ${transportNames[transport]}`, () => {
    for (const qos of [0, 1, 2] as const) {
      test(`publishes and receives with QoS ${qos}`, async (context) => {
        skipWithout(context, missing);
        const topic = uniqueName("qos");
        const subscriptions = [{ topicFilter: `${topic}/+`, qos }];
        const other = await peer({ subscriptions });
        const mine = await openClient({ clientId: uniqueName("client"), subscriptions });

        await mine.publish({ topic: `${topic}/out`, payload: `größe ${qos}`, qos, retain: false });
        const sent = { topic: `${topic}/out`, payload: `größe ${qos}`, qos, retain: false };
        expect(await other.inbox.next()).toMatchObject(sent);
        expect(await mine.inbox.next()).toMatchObject(sent);

        await other.publish({ topic: `${topic}/in`, payload: "x".repeat(70_000), qos, retain: false });
        const received = await mine.inbox.next();
        expect(received).toMatchObject({ topic: `${topic}/in`, qos, retain: false });
        expect(received.payload.length).toBe(70_000);
      });
    }

    test("keeps and clears retained messages", async (context) => {
      skipWithout(context, missing);
      const topic = uniqueName("retained");
      const subscriptions = [{ topicFilter: `${topic}/#`, qos: 1 as QoS }];
      const mine = await openClient({ clientId: uniqueName("client") });
      await mine.publish({ topic: `${topic}/mine`, payload: "kept", qos: 1, retain: true });
      const other = await peer({ subscriptions });
      expect(await other.inbox.next()).toMatchObject({
        topic: `${topic}/mine`,
        payload: "kept",
        retain: true,
      });

      const again = await openClient({ clientId: uniqueName("client"), subscriptions });
      expect(await again.inbox.next()).toMatchObject({ payload: "kept", qos: 1, retain: true });
      await mine.publish({ topic: `${topic}/mine`, payload: "", qos: 1, retain: true });
      expect(await again.inbox.next()).toMatchObject({ payload: "", retain: false });

      const late = await openClient({ clientId: uniqueName("client"), subscriptions });
      await other.publish({ topic: `${topic}/end`, payload: "end", qos: 1, retain: false });
      expect(await late.inbox.next()).toMatchObject({ payload: "end" });
    });

    test("leaves a will when its connection breaks", async (context) => {
      skipWithout(context, missing);
      const topic = uniqueName("will");
      const subscriptions = [{ topicFilter: topic, qos: 1 as QoS }];
      const other = await peer({ subscriptions });
      const will = { topic, payload: "gone", qos: 1, retain: true } as const;
      await (await openClient({ clientId: uniqueName("client"), will })).cut();
      expect(await other.inbox.next()).toMatchObject({ ...will, retain: false });
      const late = await peer({ subscriptions });
      expect(await late.inbox.next()).toMatchObject({ ...will, retain: true });
    });

    test(`leaves ${options.endsWithWill ? "its" : "no"} will when it says goodbye`, async (context) => {
      skipWithout(context, missing);
      const topic = uniqueName("will");
      const other = await peer({ subscriptions: [{ topicFilter: topic, qos: 1 }] });
      const will = { topic, payload: "will", qos: 1, retain: false } as const;
      await (await openClient({ clientId: uniqueName("client"), will })).end();
      await other.publish({ topic, payload: "end", qos: 1, retain: false });
      const wills = await other.inbox.takeUntil((message) => message.payload === "end");
      expect(wills.length).toBe(options.endsWithWill ? 1 : 0);
    });

    test("finds what was queued for its session after a crash of the broker", async (context) => {
      skipWithout(context, missing);
      const topic = uniqueName("session");
      const mine = {
        clientId: uniqueName("client"),
        persistent: true,
        subscriptions: [{ topicFilter: `${topic}/#`, qos: 2 as QoS }],
      };
      await (await openClient(mine)).end();
      const other = await peer();
      const payloads = Array.from({ length: 20 }, (_, index) => String(index));
      for (const payload of payloads) {
        await other.publish({ topic: `${topic}/1`, payload, qos: 1, retain: false });
        await other.publish({ topic: `${topic}/2`, payload, qos: 2, retain: false });
      }
      await broker.restart("SIGKILL");

      const resumed = await openClient(mine);
      await (await peer()).publish({ topic: `${topic}/last`, payload: "", qos: 2, retain: false });
      const queued = await resumed.inbox.takeUntil((message) => message.topic === `${topic}/last`);
      for (const qos of [1, 2] as const) {
        const ofTopic = queued.filter((message) => message.topic === `${topic}/${qos}`);
        expect(ofTopic.map((message) => message.payload)).toEqual(payloads);
        expect(ofTopic.every((message) => message.qos === qos)).toBe(true);
      }
      expect(queued.length).toBe(2 * payloads.length);
      await resumed.end();
    });
  });
}
