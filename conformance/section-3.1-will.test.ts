import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { connect, disconnect, hex, lengthPrefixed, packet, publish } from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;

describe("3.1.2.5 Will Flag", () => {
  const broker = useBroker();

  async function watch(topicName: string): Promise<RawClient> {
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    return watcher;
  }

  it("MQTT-3.1.2-7 the Will Message is stored with the session and published with all it has", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    const properties = {
      payloadFormatIndicator: 1,
      contentType: "text",
      responseTopic: "answer",
      correlationData: hex("00ff"),
      userProperty: [
        ["b", "2"],
        ["a", "1"],
        ["b", "1"],
      ] as [string, string][],
    };
    const client = await broker.connect({ will: { topicName, payload: "gone", qos: 2, properties } });
    client.drop();
    const message = await watcher.receive();
    expect(message).toMatchObject({ topicName, payload: "gone", qos: 2, retain: false, properties });
    await watcher.expectNothing();
  });

  it("MQTT-3.1.2-8 the Will Message is published when the connection closes without DISCONNECT", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    (await broker.connect({ will: { topicName, payload: "dropped" } })).drop();
    expect((await watcher.receive()).payload).toBe("dropped");
    const offender = await broker.connect({ will: { topicName, payload: "protocol error" } });
    offender.send(connect());
    await offender.expectDisconnect(protocolError);
    expect((await watcher.receive()).payload).toBe("protocol error");
    const leaver = await broker.connect({ will: { topicName, payload: "with will" } });
    leaver.send(disconnect(0x04));
    expect((await watcher.receive()).payload).toBe("with will");
  });

  it("MQTT-3.1.2-8 the Will Message is not published after a normal DISCONNECT", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    const client = await broker.connect({ will: { topicName } });
    client.send(disconnect());
    await client.expectClosed();
    await watcher.expectNothing();
  });

  it("MQTT-3.1.2-8 a take-over publishes the Will Message of the connection that ends", async () => {
    const topicName = broker.name("will");
    const clientId = broker.name();
    const watcher = await watch(topicName);
    const client = await broker.connect({ clientId, will: { topicName, payload: "first" } });
    await broker.connect({ clientId });
    await client.expectDisconnect(0x8e);
    expect((await watcher.receive()).payload).toBe("first");
  });

  it("MQTT-3.1.2-9 with Will Flag the will fields must be present", async () => {
    for (const flags of [0x06, 0x0e, 0x26]) {
      const client = await broker.open();
      client.send(connect({ flags, clientId: broker.name() }));
      await client.expectRefusal(malformed);
    }
    const withoutPayload = await broker.open();
    const header = connect({ flags: 0x06, clientId: broker.name() }).subarray(2);
    withoutPayload.send(packet(0x10, header, hex("00"), lengthPrefixed("topic")));
    await withoutPayload.expectRefusal(malformed);
  });

  it("MQTT-3.1.2-10 a Will Message is published once, and not again for a later connection", async () => {
    const topicName = broker.name("will");
    const clientId = broker.name();
    const watcher = await watch(topicName);
    const properties = { sessionExpiryInterval: 100 };
    (await broker.connect({ clientId, properties, will: { topicName } })).drop();
    await watcher.receive();
    const again = await broker.connect({ clientId, properties, cleanStart: false });
    again.drop();
    await watcher.expectNothing();
    const withWill = await broker.connect({ clientId, properties, cleanStart: false, will: { topicName } });
    withWill.send(disconnect());
    await withWill.expectClosed();
    (await broker.connect({ clientId, properties, cleanStart: false })).drop();
    await watcher.expectNothing();
  });

  it("MQTT-3.1.2-11 without Will Flag the Will QoS must be 0", async () => {
    for (const flags of [0x0a, 0x12, 0x1a]) {
      const client = await broker.open();
      client.send(connect({ flags, clientId: broker.name() }));
      await client.expectRefusal(malformed, protocolError);
    }
  });

  it("MQTT-3.1.2-12 a Will QoS of 0, 1 and 2 is kept, 3 is refused", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    for (const qos of [0, 1, 2]) {
      (await broker.connect({ will: { topicName, qos } })).drop();
      expect((await watcher.receive()).qos).toBe(qos);
    }
    const client = await broker.open();
    client.send(connect({ clientId: broker.name(), will: { topicName, qos: 3 } }));
    await client.expectRefusal(malformed, protocolError);
  });

  it("MQTT-3.1.2-13 without Will Flag Will Retain must be 0", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x22, clientId: broker.name() }));
    await client.expectRefusal(malformed, protocolError);
  });

  it("MQTT-3.1.2-14 Will Retain 0: the Will Message is not retained", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    (await broker.connect({ will: { topicName, retain: false } })).drop();
    expect((await watcher.receive()).retain).toBe(false);
    const late = await watch(topicName);
    await late.fence();
  });

  it("MQTT-3.1.2-15 Will Retain 1: the Will Message is retained", async () => {
    const topicName = broker.name("will");
    const watcher = await watch(topicName);
    (await broker.connect({ will: { topicName, payload: "kept", retain: true } })).drop();
    await watcher.receive();
    const late = await watch(topicName);
    expect(await late.receive()).toMatchObject({ payload: "kept", retain: true });
  });

  it("MQTT-3.1.3-11 the Will Topic must be well-formed UTF-8, not empty and without wildcards", async () => {
    for (const topicName of [hex("61 eda080"), hex("6100")]) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), will: { topicName } }));
      await client.expectRefusal(malformed);
    }
    for (const topicName of ["", "a/#", "+"]) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), will: { topicName } }));
      await client.expectRefusal(0x90, malformed, protocolError);
    }
  });

  it("MQTT-3.1.2-9 a will property that stands twice or does not belong there is refused", async () => {
    for (const properties of [hex("18 00000001 18 00000001"), hex("23 0001"), hex("01 02")]) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), will: { topicName: "a", properties } }));
      await client.expectRefusal(malformed, protocolError);
    }
  });
});

describe.concurrent("3.1.3.2.2 Will Delay Interval", () => {
  const broker = useBroker();
  const session = { sessionExpiryInterval: 100 };

  it("MQTT-3.1.2-8 the Will Message waits for the Will Delay Interval", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const will = { topicName, payload: "late", properties: { willDelayInterval: 1 } };
    (await broker.connect({ properties: session, will })).drop();
    const droppedAt = performance.now();
    const message = await watcher.receive();
    expect(performance.now() - droppedAt).toBeGreaterThan(800);
    expect(message.payload).toBe("late");
  });

  it("MQTT-3.1.2-8 the Will Message does not wait beyond the end of the session", async () => {
    const topicName = broker.name("will");
    const clientId = broker.name();
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const will = { topicName, payload: "at the end", properties: { willDelayInterval: 1000 } };
    (await broker.connect({ will })).drop();
    expect((await watcher.receive()).payload).toBe("at the end");
    (await broker.connect({ properties: { sessionExpiryInterval: 1 }, will })).drop();
    expect((await watcher.receive()).payload).toBe("at the end");
    // Clean Start ends the session too.
    (await broker.connect({ clientId, properties: session, will })).drop();
    await broker.connect({ clientId });
    expect((await watcher.receive()).payload).toBe("at the end");
  });

  it("MQTT-3.1.3-9 a new connection within the Will Delay Interval cancels the Will Message", async () => {
    const topicName = broker.name("will");
    const clientId = broker.name();
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const will = { topicName, properties: { willDelayInterval: 1 } };
    (await broker.connect({ clientId, properties: session, will })).drop();
    const back = await broker.connect({ clientId, properties: session, cleanStart: false });
    await watcher.expectNothing(2000);
    back.send(publish({ topicName, payload: "alive" }));
    expect((await watcher.receive()).payload).toBe("alive");
  });
});
