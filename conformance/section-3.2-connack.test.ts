import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import { connect, pingreq, publish, subscribe } from "./harness/wire-writer.ts";

const notAuthorized = 0x87;
const banned = 0x8a;
const useAnotherServer = 0x9c;

describe("3.2 CONNACK", () => {
  const broker = useBroker();

  it("MQTT-3.2.0-1 CONNACK comes before anything else, messages of the session included", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.subscribe(topicName);
    await first.disconnect();
    await (await broker.connect()).publish({ topicName, qos: 1 });
    const client = await broker.open();
    client.send(connect({ clientId, cleanStart: false }), pingreq(), subscribe(9, [["a", 0]]));
    const packets = await client.collect(4);
    expect(packets[0]).toMatchObject({ type: "CONNACK", reasonCode: 0, sessionPresent: true });
    expect(new Set(packets.map((packet) => packet.type))).toEqual(
      new Set(["CONNACK", "PUBLISH", "PINGRESP", "SUBACK"]),
    );
  });

  it("MQTT-3.2.0-2 there is one CONNACK in a connection", async () => {
    const client = await broker.connect();
    client.send(connect());
    const packets = await client.collectToClose();
    expect(packets.map((packet) => packet.type)).not.toContain("CONNACK");
  });

  it("MQTT-3.2.2-1 bits 7 to 1 of the Connect Acknowledge Flags are 0", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const fresh = await broker.connectFully({ clientId, properties });
    expect(fresh.connack.bytes[2]).toBe(0);
    const resumed = await broker.connectFully({ clientId, cleanStart: false, properties });
    expect(resumed.connack.bytes[2]).toBe(1);
  });

  it("MQTT-3.2.2-2 Clean Start 1: Session Present is 0", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    await broker.connect({ clientId, properties });
    const { connack } = await broker.connectFully({ clientId, cleanStart: true, properties });
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
  });

  it("MQTT-3.2.2-3 Clean Start 0: Session Present tells whether there was a session", async () => {
    const clientId = broker.name();
    const fields = { clientId, cleanStart: false, properties: { sessionExpiryInterval: 100 } };
    expect((await broker.connectFully(fields)).connack).toMatchObject({
      sessionPresent: false,
      reasonCode: 0,
    });
    expect((await broker.connectFully(fields)).connack).toMatchObject({
      sessionPresent: true,
      reasonCode: 0,
    });
  });

  it("MQTT-3.2.2-6 a refusal has Session Present 0", async () => {
    const clientId = broker.name();
    await broker.connect({ clientId, properties: { sessionExpiryInterval: 100 } });
    const refused = await broker.open();
    refused.send(connect({ clientId, cleanStart: false, properties: { receiveMaximum: 0 } }));
    expect((await refused.expectRefusal(0x82)).sessionPresent).toBe(false);
  });

  it("MQTT-3.2.2-7 a refusal is followed by the close", async () => {
    const client = await broker.open();
    client.send(connect({ flags: 0x03 }), pingreq());
    await client.expectRefusal(0x81);
  });

  it("MQTT-3.2.2-8 the Reason Code is one of CONNACK's, also for an error met before", async () => {
    // The reader refuses all other codes; here are refusals for reasons that lie close to other codes.
    for (const fields of [
      { properties: { receiveMaximum: 0 } },
      { will: { topicName: "a/#" } },
      { flags: 0x1e },
      { properties: { authenticationMethod: "nonesuch" } },
    ]) {
      const client = await broker.open();
      client.send(connect({ clientId: broker.name(), ...fields }));
      await client.expectRefusal(0x81, 0x82, 0x8c, 0x90, 0x9b);
    }
  });

  it("MQTT-3.2.2-9 QoS 2 is supported, and no Maximum QoS is sent", async () => {
    const { client, connack } = await broker.connectFully();
    expect(connack.properties.maximumQoS).toBeUndefined();
    expect((await client.publish({ topicName: "a", qos: 2 }))?.type).toBe("PUBCOMP");
  });

  it("MQTT-3.2.2-16 every client without ClientID gets a new one", async () => {
    const ids = new Set<string | undefined>();
    for (let count = 0; count < 20; count++) {
      const { connack } = await broker.connectFully({ clientId: "" });
      ids.add(connack.properties.assignedClientIdentifier);
    }
    expect(ids.size).toBe(20);
    expect(ids).not.toContain(undefined);
  });
});

describe.concurrent("3.2.2.3.14 Server Keep Alive", () => {
  const broker = useBroker();

  it("MQTT-3.1.2-22 a client that is silent for 1.5 times its Keep Alive is cut off as if the network failed", async () => {
    const topicName = broker.name("will");
    const watcher = await broker.connect();
    await watcher.subscribe(topicName);
    const client = await broker.connect({ keepAlive: 1, will: { topicName } });
    const start = performance.now();
    await client.expectDisconnect(0x8d);
    const silentMs = performance.now() - start;
    expect(silentMs).toBeGreaterThan(1400);
    expect(silentMs).toBeLessThan(3000);
    await watcher.receive();
  });

  it("MQTT-3.2.2-22 without Server Keep Alive the client's own counts, and any packet restarts it", async () => {
    const { client, connack } = await broker.connectFully({ keepAlive: 1 });
    expect(connack.properties.serverKeepAlive).toBeUndefined();
    for (const packet of [pingreq(), publish({ topicName: "a" }), pingreq()]) {
      await client.expectNothing(900);
      client.send(packet);
      if (packet.length === 2) await client.expect("PINGRESP");
    }
    await client.expectDisconnect(0x8d);
  });

  it("MQTT-3.2.2-22 Keep Alive 0 turns it off", async () => {
    const client = await broker.connect({ keepAlive: 0 });
    await client.expectNothing(2500);
    await client.fence();
  });
});

describe("3.2.2.3 a server with a lower Keep Alive", needsDunlin, () => {
  const broker = useBroker(embeddedBroker({ limits: { maximumKeepAliveSeconds: 1 } }));

  it("MQTT-3.1.2-21, MQTT-3.2.2-21 the Server Keep Alive replaces the client's", async () => {
    const { client, connack } = await broker.connectFully({ keepAlive: 1000 });
    expect(connack.properties.serverKeepAlive).toBe(1);
    await client.expectDisconnect(0x8d);
  });
});

describe("3.2.2.3 refusals with a reason", needsDunlin, () => {
  const reasonString = "not you, and here is why: ".padEnd(300, ".");
  const broker = useBroker(
    embeddedBroker({
      responseInformation: "answers/{clientId}",
      authenticator: {
        authenticate({ connect: { userName } }) {
          if (userName === "stranger") {
            return { accepted: false, reasonCode: notAuthorized, reasonString };
          }
          if (userName === "explained") {
            return {
              accepted: false,
              reasonCode: banned,
              userProperties: [["why", reasonString]],
            };
          }
          if (userName === "moved") {
            const serverReference = "other.example:1883";
            return { accepted: false, reasonCode: useAnotherServer, serverReference };
          }
          if (userName === "broken") throw new Error("the user database is down");
          return { accepted: true };
        },
      },
    }),
  );

  it("MQTT-3.2.2-19 a Reason String is left out where CONNACK would be too large with it", async () => {
    const told = await broker.open();
    told.send(connect({ userName: "stranger" }));
    expect((await told.expectRefusal(0x87)).properties.reasonString).toBe(reasonString);
    const small = await broker.open();
    small.send(connect({ userName: "stranger", properties: { maximumPacketSize: 100 } }));
    const connack = await small.expectRefusal(0x87);
    expect(connack.properties.reasonString).toBeUndefined();
    expect(connack.bytes.length).toBeLessThanOrEqual(100);
  });

  it("MQTT-3.2.2-20 User Properties are left out where CONNACK would be too large with them", async () => {
    const told = await broker.open();
    told.send(connect({ userName: "explained" }));
    expect((await told.expectRefusal(0x8a)).properties.userProperty).toEqual([["why", reasonString]]);
    const small = await broker.open();
    small.send(connect({ userName: "explained", properties: { maximumPacketSize: 100 } }));
    const connack = await small.expectRefusal(0x8a);
    expect(connack.properties.userProperty).toBeUndefined();
    expect(connack.bytes.length).toBeLessThanOrEqual(100);
  });

  it("MQTT-3.1.4-2 a client that fails authentication is refused and closed", async () => {
    const client = await broker.open();
    client.send(connect({ userName: "stranger" }), pingreq());
    await client.expectRefusal(0x87);
  });

  it("MQTT-3.1.4-2 an authenticator that fails lets nobody in", async () => {
    const client = await broker.open();
    client.send(connect({ userName: "broken" }));
    await client.expectRefusal(0x88);
  });

  it("MQTT-3.1.4-2 a redirected client is told the Server Reference", async () => {
    const client = await broker.open();
    client.send(connect({ userName: "moved" }));
    expect((await client.expectRefusal(0x9c)).properties.serverReference).toBe("other.example:1883");
  });

  it("MQTT-3.1.4-6 a client that fails authentication publishes nothing", async () => {
    const topicName = broker.name();
    const client = await broker.open();
    const message = publish({ topicName, retain: true, payload: "x" });
    client.send(connect({ userName: "stranger", will: { topicName, retain: true } }), message);
    await client.expectRefusal(0x87);
    const subscriber = await broker.connect();
    await subscriber.subscribe(topicName);
    await subscriber.fence();
  });

  it("MQTT-3.1.2-28 Response Information is given to the client that asks for it, and only then", async () => {
    const clientId = broker.name();
    const asked = await broker.connectFully({ clientId, properties: { requestResponseInformation: 1 } });
    expect(asked.connack.properties.responseInformation).toBe(`answers/${clientId}`);
    const declined = await broker.connectFully({ properties: { requestResponseInformation: 0 } });
    expect(declined.connack.properties.responseInformation).toBeUndefined();
    const silent = await broker.connectFully();
    expect(silent.connack.properties.responseInformation).toBeUndefined();
  });
});

describe("3.2.2.3 limits told in CONNACK", needsDunlin, () => {
  const broker = useBroker(embeddedBroker({ limits: { maximumPacketSize: 1000, topicAliasMaximum: 0 } }));

  it("MQTT-3.2.2-15 a packet beyond the server's Maximum Packet Size is refused", async () => {
    const { client, connack } = await broker.connectFully();
    expect(connack.properties.maximumPacketSize).toBe(1000);
    const overhead = publish({ topicName: "a" }).length + 1;
    client.send(publish({ topicName: "a", payload: "x".repeat(1000 - overhead) }));
    await client.fence();
    client.send(publish({ topicName: "a", payload: "x".repeat(1001 - overhead) }));
    await client.expectDisconnect(0x95);
  });

  it("MQTT-3.2.2-18 without Topic Alias Maximum every Topic Alias is refused", async () => {
    const { client, connack } = await broker.connectFully();
    expect(connack.properties.topicAliasMaximum ?? 0).toBe(0);
    client.send(publish({ topicName: "a", properties: { topicAlias: 1 } }));
    await client.expectDisconnect(0x94);
  });
});
