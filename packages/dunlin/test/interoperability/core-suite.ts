import type { QoS } from "@dunlin/protocol";
import { describe, expect, test } from "vitest";
import { type BrokerProcess, missingCertificates, type Transport } from "./broker-process.ts";
import type { ClientUnderTest, MqttVersion, OpenClient, OpenOptions } from "./client-under-test.ts";
import { mqttJsOpener } from "./mqttjs-client.ts";
import { closing, skipWithout, uniqueName } from "./test-scope.ts";

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

/** What the tests of one client, protocol version and transport have in common. */
interface Scene {
  readonly broker: BrokerProcess;
  readonly missing: string | undefined;
  /** Opens the client that is tested. */
  mine(options?: Partial<OpenOptions>): Promise<ClientUnderTest>;
  /** Opens another client, over TCP, as the other side of each exchange. */
  peer(options?: Partial<OpenOptions>): Promise<ClientUnderTest>;
}

/** Every QoS both ways, retained messages, wills and sessions, for one client, protocol version and transport. */
export function describeCore(options: CoreSuiteOptions): void {
  const { broker, client, version, transport, open, endsWithWill = false } = options;
  const encrypted = ["tls", "wss", "tlsWithClientCertificate"].includes(transport);
  const openPeer = mqttJsOpener(broker.certificates.ca);
  const scene: Scene = {
    broker,
    missing: options.missing ?? (encrypted ? missingCertificates : undefined),
    mine: async (more) =>
      closing(await open({ url: broker.url(transport), version, clientId: uniqueName("client"), ...more })),
    peer: async (more) =>
      closing(
        await openPeer({ url: broker.url("tcp"), version: "5.0", clientId: uniqueName("peer"), ...more }),
      ),
  };
  describe(`${client}, MQTT ${version} over ${transportNames[transport]}`, () => {
    for (const qos of [0, 1, 2] as const) testQoS(scene, qos);
    testRetained(scene);
    testWillOfBrokenConnection(scene);
    testWillAtGoodbye(scene, endsWithWill);
    testSession(scene);
  });
}

function testQoS({ missing, mine, peer }: Scene, qos: QoS): void {
  test(`publishes and receives with QoS ${qos}`, async (context) => {
    skipWithout(context, missing);
    const topic = uniqueName("qos");
    const subscriptions = [{ topicFilter: `${topic}/+`, qos }];
    const other = await peer({ subscriptions });
    const own = await mine({ subscriptions });

    const sent = { topic: `${topic}/out`, payload: `größe ${qos}`, qos, retain: false };
    await own.publish(sent);
    expect(await other.inbox.next()).toMatchObject(sent);
    expect(await own.inbox.next()).toMatchObject(sent);

    await other.publish({ topic: `${topic}/in`, payload: "x".repeat(70_000), qos, retain: false });
    const received = await own.inbox.next();
    expect(received).toMatchObject({ topic: `${topic}/in`, qos, retain: false });
    expect(received.payload.length).toBe(70_000);
  });
}

function testRetained({ missing, mine, peer }: Scene): void {
  test("keeps and clears retained messages", async (context) => {
    skipWithout(context, missing);
    const topic = uniqueName("retained");
    const subscriptions = [{ topicFilter: `${topic}/#`, qos: 1 as QoS }];
    const own = await mine();
    const kept = { topic: `${topic}/a`, payload: "kept", qos: 1, retain: true } as const;
    await own.publish(kept);
    const other = await peer({ subscriptions });
    expect(await other.inbox.next()).toMatchObject(kept);

    const again = await mine({ subscriptions });
    expect(await again.inbox.next()).toMatchObject(kept);
    await own.publish({ ...kept, payload: "" });
    expect(await again.inbox.next()).toMatchObject({ payload: "", retain: false });

    const late = await mine({ subscriptions });
    await other.publish({ topic: `${topic}/end`, payload: "end", qos: 1, retain: false });
    expect(await late.inbox.next()).toMatchObject({ payload: "end" });
  });
}

function testWillOfBrokenConnection({ missing, mine, peer }: Scene): void {
  test("leaves a will when its connection breaks", async (context) => {
    skipWithout(context, missing);
    const topic = uniqueName("will");
    const subscriptions = [{ topicFilter: topic, qos: 1 as QoS }];
    const other = await peer({ subscriptions });
    const will = { topic, payload: "gone", qos: 1, retain: true } as const;
    await (await mine({ will })).cut();
    expect(await other.inbox.next()).toMatchObject({ ...will, retain: false });
    const late = await peer({ subscriptions });
    expect(await late.inbox.next()).toMatchObject({ ...will, retain: true });
  });
}

function testWillAtGoodbye({ missing, mine, peer }: Scene, endsWithWill: boolean): void {
  test(`leaves ${endsWithWill ? "its" : "no"} will when it says goodbye`, async (context) => {
    skipWithout(context, missing);
    const topic = uniqueName("will");
    const other = await peer({ subscriptions: [{ topicFilter: topic, qos: 1 }] });
    const will = { topic, payload: "will", qos: 1, retain: false } as const;
    await (await mine({ will })).end();
    await other.publish({ topic, payload: "end", qos: 1, retain: false });
    const wills = await other.inbox.takeUntil((message) => message.payload === "end");
    expect(wills.length).toBe(endsWithWill ? 1 : 0);
  });
}

function testSession({ broker, missing, mine, peer }: Scene): void {
  test("finds what was queued for its session after a crash of the broker", async (context) => {
    skipWithout(context, missing);
    const topic = uniqueName("session");
    const session = {
      clientId: uniqueName("client"),
      persistent: true,
      subscriptions: [{ topicFilter: `${topic}/#`, qos: 2 as QoS }],
    };
    await (await mine(session)).end();
    const other = await peer();
    const payloads = Array.from({ length: 20 }, (_, index) => String(index));
    for (const payload of payloads) {
      await other.publish({ topic: `${topic}/1`, payload, qos: 1, retain: false });
      await other.publish({ topic: `${topic}/2`, payload, qos: 2, retain: false });
    }
    await broker.restart("SIGKILL");

    const resumed = await mine(session);
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
}
