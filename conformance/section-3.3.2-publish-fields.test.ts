import { describe, expect, it } from "vitest";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { bytes, hex, packet, publish } from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const topicNameInvalid = 0x90;
const topicAliasInvalid = 0x94;

describe("3.3.2 PUBLISH variable header", () => {
  const broker = useBroker();

  it("MQTT-3.3.2-1 a Topic Name that is missing, cut or ill-formed is refused", async () => {
    for (const violation of [
      packet(0x30),
      packet(0x30, bytes(0)),
      packet(0x30, bytes(0, 5, 0x61)),
      publish({ topicName: hex("61eda080") }),
    ]) {
      const client = await broker.connect();
      client.send(violation);
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-3.3.2-1 an empty Topic Name without Topic Alias is a Protocol Error", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "" }));
    await client.expectDisconnect(protocolError);
  });

  it("MQTT-3.3.2-2 a wildcard in a Topic Name is refused", async () => {
    for (const topicName of ["#", "+", "a/+/b", "a/#", "a+", "a#b"]) {
      const client = await broker.connect();
      client.send(publish({ topicName }));
      await client.expectDisconnect(topicNameInvalid, malformed, protocolError);
    }
  });

  it("MQTT-3.3.2-3 only Topic Names that match the filter arrive, and as they were published", async () => {
    const stem = broker.name();
    const client = await broker.connect();
    await client.subscribe([[`${stem}/+/x/#`, 0]]);
    const publisher = await broker.connect();
    const matching = [`${stem}/a/x`, `${stem}//x/`, `${stem}/a/x/b/c`, `${stem}/\u00e9/x/`];
    const others = [stem, `${stem}/a`, `${stem}/a/b/x`, `${stem}/a/X`, `/${stem}/a/x`];
    for (const topicName of [...others, ...matching]) await publisher.publish({ topicName });
    for (const topicName of matching) expect((await client.receive()).topicName).toBe(topicName);
    await client.fence();
  });

  it("MQTT-3.3.2-4 the Payload Format Indicator goes to all subscribers unaltered", async () => {
    const topicName = broker.name();
    const clients = [await broker.connect(), await broker.connect()];
    for (const client of clients) await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const payloadFormatIndicator of [0, 1]) {
      await publisher.publish({ topicName, properties: { payloadFormatIndicator }, qos: 1 });
      for (const client of clients) {
        expect((await client.receive()).properties).toEqual({ payloadFormatIndicator });
      }
    }
    await publisher.publish({ topicName });
    for (const client of clients) expect((await client.receive()).properties).toEqual({});
    const wrong = await broker.connect();
    wrong.send(publish({ topicName, properties: { payloadFormatIndicator: 2 } }));
    await wrong.expectDisconnect(malformed, protocolError);
  });

  it("MQTT-3.3.2-8 a Topic Alias of 0 is refused", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", properties: { topicAlias: 0 } }));
    await client.expectDisconnect(topicAliasInvalid);
  });

  it("MQTT-3.2.2-17, MQTT-3.3.2-9 a Topic Alias beyond the server's Topic Alias Maximum is refused", async () => {
    const { client, connack } = await broker.connectFully();
    const maximum = connack.properties.topicAliasMaximum ?? 0;
    client.send(publish({ topicName: "a", properties: { topicAlias: maximum + 1 } }));
    await client.expectDisconnect(topicAliasInvalid);
  });

  it("MQTT-3.3.2-12 every Topic Alias up to the server's Topic Alias Maximum is accepted", async () => {
    const { client, connack } = await broker.connectFully();
    const maximum = connack.properties.topicAliasMaximum ?? 0;
    expect(maximum).toBeGreaterThan(0);
    const stem = broker.name();
    const subscriber = await broker.connect();
    await subscriber.subscribe([[`${stem}/#`, 0]]);
    for (let topicAlias = 1; topicAlias <= maximum; topicAlias++) {
      client.send(publish({ topicName: `${stem}/${topicAlias}`, properties: { topicAlias } }));
    }
    for (let topicAlias = 1; topicAlias <= maximum; topicAlias++) {
      client.send(publish({ topicName: "", payload: "again", properties: { topicAlias } }));
    }
    for (const payload of ["", "again"]) {
      for (let topicAlias = 1; topicAlias <= maximum; topicAlias++) {
        expect(await subscriber.receive()).toMatchObject({ topicName: `${stem}/${topicAlias}`, payload });
      }
    }
  });

  it("MQTT-3.3.2-12 a Topic Alias can be given to another topic, and is not handed on", async () => {
    const stem = broker.name();
    const client = await broker.connect();
    const subscriber = await broker.connect();
    await subscriber.subscribe([[`${stem}/#`, 0]]);
    const properties = { topicAlias: 1 };
    for (const topicName of [`${stem}/a`, "", `${stem}/b`, ""]) {
      client.send(publish({ topicName, properties }));
    }
    for (const topicName of [`${stem}/a`, `${stem}/a`, `${stem}/b`, `${stem}/b`]) {
      expect(await subscriber.receive()).toMatchObject({ topicName, properties: {} });
    }
    client.send(publish({ topicName: "", properties: { topicAlias: 2 } }));
    await client.expectDisconnect(protocolError, topicAliasInvalid);
  });

  it("MQTT-3.3.2-7 Topic Aliases end with the connection", async () => {
    const clientId = broker.name();
    const properties = { sessionExpiryInterval: 100 };
    const first = await broker.connect({ clientId, properties });
    await first.publish({ topicName: "a", properties: { topicAlias: 1 } });
    const second = await broker.connect({ clientId, cleanStart: false, properties });
    second.send(publish({ topicName: "", properties: { topicAlias: 1 } }));
    await second.expectDisconnect(protocolError, topicAliasInvalid);
  });

  it("MQTT-3.3.2-7 the server does not use its Topic Aliases on the next connection", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const publisher = await broker.connect();
    for (const cleanStart of [true, false]) {
      const client = await broker.connect({
        clientId,
        cleanStart,
        properties: { sessionExpiryInterval: 100, topicAliasMaximum: 10 },
      });
      if (cleanStart) await client.subscribe([[topicName, 1]]);
      await publisher.publish({ topicName, qos: 1 });
      expect((await client.receive()).topicName).toBe(topicName);
      client.drop();
    }
  });

  it("MQTT-3.3.2-11 the server's Topic Aliases are within 1 and the client's Topic Alias Maximum", async () => {
    const stem = broker.name();
    const client = await broker.connect({ properties: { topicAliasMaximum: 1 } });
    await client.subscribe([[`${stem}/#`, 0]]);
    const publisher = await broker.connect();
    let known = "";
    for (const topicName of [`${stem}/a`, `${stem}/a`, `${stem}/b`, `${stem}/b`, `${stem}/a`]) {
      await publisher.publish({ topicName });
      const message = await client.receive();
      const alias = message.properties.topicAlias;
      expect(alias === undefined || alias === 1).toBe(true);
      if (alias === 1 && message.topicName !== "") known = message.topicName;
      expect(message.topicName || known).toBe(topicName);
    }
  });

  it("MQTT-3.3.2-13 a Response Topic that is not well-formed UTF-8 is refused", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", properties: hex("08 0002 c080") }));
    await client.expectDisconnect(malformed);
  });

  it("MQTT-3.3.2-14 a wildcard in a Response Topic is refused", async () => {
    for (const responseTopic of ["#", "a/+"]) {
      const client = await broker.connect();
      client.send(publish({ topicName: "a", properties: { responseTopic } }));
      await client.expectDisconnect(protocolError, malformed, topicNameInvalid);
    }
  });

  const forwarded = [
    ["MQTT-3.3.2-15", { responseTopic: "answer/\ufeffhere" }],
    ["MQTT-3.3.2-16", { correlationData: hex("00 ff c0 80 00") }],
    ["MQTT-3.3.2-17", { userProperty: [["", ""]] as [string, string][] }],
    ["MQTT-3.3.2-20", { contentType: "application/\u00e9" }],
  ] as const;

  async function arrives(properties: (typeof forwarded)[number][1]): Promise<void> {
    const topicName = broker.name();
    const clients = [await broker.connect(), await broker.connect()];
    for (const client of clients) await client.subscribe(topicName);
    const publisher = await broker.connect();
    for (const qos of [0, 1, 2]) {
      await publisher.publish({ topicName, properties, qos });
      for (const client of clients) expect((await client.receive()).properties).toEqual(properties);
    }
  }

  it("MQTT-3.3.2-15 the Response Topic goes to all subscribers unaltered", () => arrives(forwarded[0][1]));
  it("MQTT-3.3.2-16 the Correlation Data goes to all subscribers unaltered", () => arrives(forwarded[1][1]));
  it("MQTT-3.3.2-17 User Properties go to all subscribers unaltered", () => arrives(forwarded[2][1]));
  it("MQTT-3.3.2-20 the Content Type goes to all subscribers unaltered", () => arrives(forwarded[3][1]));

  it("MQTT-3.3.2-18 the order of User Properties is kept, repeated names included", async () => {
    const userProperty: [string, string][] = [
      ["b", "1"],
      ["a", "1"],
      ["b", "1"],
      ["b", "0"],
      ["\u00e9", "\ufeff"],
    ];
    await arrives({ userProperty });
  });

  it("MQTT-3.3.2-19 a Content Type that is not well-formed UTF-8 is refused", async () => {
    const client = await broker.connect();
    client.send(publish({ topicName: "a", properties: hex("03 0003 eda080") }));
    await client.expectDisconnect(malformed);
  });

  it("MQTT-3.3.2-4 a payload that is said to be UTF-8 and is not is refused", needsDunlin, async () => {
    const properties = { payloadFormatIndicator: 1 };
    const client = await broker.connect();
    client.send(publish({ topicName: "a", payload: hex("ff"), qos: 1, packetIdentifier: 1, properties }));
    expect((await client.expect("PUBACK")).reasonCode).toBe(0x99);
    client.send(publish({ topicName: "a", payload: hex("ff"), qos: 2, packetIdentifier: 2, properties }));
    expect((await client.expect("PUBREC")).reasonCode).toBe(0x99);
  });
});

describe.concurrent("3.3.2.3.3 Message Expiry Interval", () => {
  const broker = useBroker();
  const session = { sessionExpiryInterval: 100 };

  it("MQTT-3.3.2-5 a message that expires before delivery begins is deleted", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    await first.disconnect();
    const publisher = await broker.connect();
    for (const qos of [1, 2]) {
      await publisher.publish({ topicName, payload: "x", qos, properties: { messageExpiryInterval: 1 } });
    }
    await publisher.publish({
      topicName,
      payload: "stays",
      qos: 1,
      properties: { messageExpiryInterval: 60 },
    });
    await publisher.expectNothing(2100);
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    expect((await second.receive()).payload).toBe("stays");
    await second.fence();
  });

  it("MQTT-3.3.2-5 a retained message that has expired is not sent", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    await publisher.publish({
      topicName,
      payload: "x",
      qos: 1,
      retain: true,
      properties: { messageExpiryInterval: 1 },
    });
    await publisher.expectNothing(2100);
    const client = await broker.connect();
    await client.subscribe(topicName);
    await client.fence();
  });

  it("MQTT-3.3.2-6 the Message Expiry Interval is lowered by the time in the server", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe(topicName);
    const publisher = await broker.connect();
    const properties = { messageExpiryInterval: 60 };
    await publisher.publish({ topicName, payload: "kept", qos: 1, retain: true, properties });
    expect((await first.receive()).properties).toEqual(properties);
    await first.disconnect();
    await publisher.publish({ topicName, qos: 1, properties });
    await publisher.expectNothing(2100);
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    const queued = (await second.receive()).properties.messageExpiryInterval ?? 0;
    await second.subscribe(topicName);
    const retained = (await second.receive()).properties.messageExpiryInterval ?? 0;
    for (const left of [queued, retained]) {
      expect(left).toBeGreaterThanOrEqual(55);
      expect(left).toBeLessThanOrEqual(58);
    }
  });
});
