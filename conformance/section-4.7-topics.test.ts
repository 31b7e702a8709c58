import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { connect, publish, subscribe, unsubscribe } from "./harness/wire-writer.ts";

const malformed = 0x81;
const protocolError = 0x82;
const topicFilterInvalid = 0x8f;
const topicNameInvalid = 0x90;

describe("4.7 Topic Names and Topic Filters", () => {
  const broker = useBroker();

  /** Refused: the whole connection with DISCONNECT, or this subscription in SUBACK. */
  async function expectFilterRefused(filter: string): Promise<void> {
    const client = await broker.connect();
    client.send(subscribe(1, [[filter, 0]]));
    const [answer] = await client.collect(1);
    if (answer?.type === "SUBACK") expect(answer.reasonCodes).toEqual([topicFilterInvalid]);
    else {
      expect(answer?.type ?? "DISCONNECT").toBe("DISCONNECT");
      if (answer) expect([malformed, protocolError, topicFilterInvalid]).toContain(answer.reasonCode);
      await client.expectClosed();
    }
  }

  async function matches(filter: string, topicName: string): Promise<boolean> {
    const client = await broker.connect();
    await client.subscribe([[filter, 0]]);
    client.send(publish({ topicName, payload: "live" }));
    const found = (await collectToFence(client)).some((payload) => payload === "live");
    client.drop();
    return found;
  }

  async function collectToFence(client: RawClient): Promise<string[]> {
    const marker = broker.name("marker");
    await client.subscribe([[marker, 0]]);
    client.send(publish({ topicName: marker, payload: marker }));
    const payloads: string[] = [];
    for (;;) {
      const { payload } = await client.expect("PUBLISH");
      if (payload === marker) return payloads;
      payloads.push(payload);
    }
  }

  it("MQTT-4.7.0-1 wildcards may stand in a Topic Filter, not in a Topic Name", async () => {
    const client = await broker.connect();
    await client.subscribe([
      ["+/a/#", 0],
      ["+", 0],
      ["#", 0],
    ]);
    for (const topicName of ["+/a", "a/#"]) {
      const publisher = await broker.connect();
      publisher.send(publish({ topicName }));
      await publisher.expectDisconnect(topicNameInvalid, malformed, protocolError);
      const newcomer = await broker.open();
      newcomer.send(connect({ clientId: broker.name(), will: { topicName } }));
      await newcomer.expectRefusal(topicNameInvalid, malformed, protocolError);
    }
  });

  it("MQTT-4.7.1-1 the multi-level wildcard stands alone in the last level", async () => {
    for (const filter of ["a#", "#/a", "a/#/b", "a/b#", "##", "a/##", "+#"])
      await expectFilterRefused(filter);
    const stem = broker.name();
    for (const topicName of [stem, `${stem}/`, `${stem}/a`, `${stem}/a/b/c`]) {
      expect([topicName, await matches(`${stem}/#`, topicName)]).toEqual([topicName, true]);
    }
    for (const topicName of [`${stem}x`, `/${stem}`, "other"]) {
      expect([topicName, await matches(`${stem}/#`, topicName)]).toEqual([topicName, false]);
    }
    expect(await matches("#", `${stem}/any`)).toBe(true);
  });

  it("MQTT-4.7.1-2 the single-level wildcard takes up a whole level, at any level", async () => {
    for (const filter of ["a+", "+a", "a/+b", "a/b+/c", "++", "a/++"]) await expectFilterRefused(filter);
    const stem = broker.name();
    const table = [
      [`${stem}/+`, `${stem}/a`, true],
      [`${stem}/+`, `${stem}/`, true],
      [`${stem}/+`, stem, false],
      [`${stem}/+`, `${stem}/a/b`, false],
      [`${stem}/+/c`, `${stem}/b/c`, true],
      [`${stem}/+/c`, `${stem}//c`, true],
      [`+/${stem}`, `/${stem}`, true],
      [`/+`, `/${stem}`, true],
      [`+`, `/${stem}`, false],
      [`+/+`, `/${stem}`, true],
      [`+/${stem}/#`, `a/${stem}`, true],
    ] as const;
    for (const [filter, topicName, expected] of table) {
      expect([filter, topicName, await matches(filter, topicName)]).toEqual([filter, topicName, expected]);
    }
  });

  it("MQTT-4.7.2-1 a leading wildcard does not match a topic that begins with $", async () => {
    const topicName = `$${broker.name()}/a`;
    expect(await matches("#", topicName)).toBe(false);
    expect(await matches("+/a", topicName)).toBe(false);
    expect(await matches("+/#", topicName)).toBe(false);
    expect(await matches(`${topicName.split("/")[0]}/#`, topicName)).toBe(true);
    expect(await matches(`${topicName.split("/")[0]}/+`, topicName)).toBe(true);
    const inLaterLevel = `${broker.name()}/$a`;
    expect(await matches(`${inLaterLevel.split("/")[0]}/+`, inLaterLevel)).toBe(true);
  });

  it("MQTT-4.7.2-1 retained messages below $ do not match a leading wildcard either", async () => {
    const topicName = `$${broker.name()}/kept`;
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: topicName, retain: true, qos: 1 });
    const client = await broker.connect();
    await client.subscribe([
      ["#", 0],
      ["+/kept", 0],
    ]);
    expect(await collectToFence(client)).not.toContain(topicName);
  });

  it("MQTT-4.7.3-1 Topic Names and Topic Filters have at least one character", async () => {
    const publisher = await broker.connect();
    publisher.send(publish({ topicName: "" }));
    await publisher.expectDisconnect(protocolError, malformed, topicNameInvalid);
    await expectFilterRefused("");
    const client = await broker.connect();
    client.send(unsubscribe(1, [""]));
    const [answer] = await client.collect(1);
    if (answer?.type === "UNSUBACK") expect(answer.reasonCodes).toEqual([topicFilterInvalid]);
    else expect(answer?.type ?? "DISCONNECT").toBe("DISCONNECT");
    for (const topicName of ["/", " ", "//"]) expect(await matches(topicName, topicName)).toBe(true);
  });

  it("MQTT-4.7.3-2 Topic Names and Topic Filters do not hold U+0000", async () => {
    for (const violation of [
      publish({ topicName: "a\0" }),
      publish({ topicName: "\0" }),
      subscribe(1, [["a\0", 0]]),
      unsubscribe(1, ["\0a"]),
    ]) {
      const client = await broker.connect();
      client.send(violation);
      await client.expectDisconnect(malformed);
    }
  });

  it("MQTT-4.7.3-3 a Topic Name of 65,535 bytes is accepted", async () => {
    const stem = broker.name();
    const topicName = stem.padEnd(65_535, "x");
    expect(await matches(topicName, topicName)).toBe(true);
  });

  it("MQTT-4.7.3-4 topics are compared byte by byte, without normalization", async () => {
    const stem = broker.name();
    const pairs = [
      [`${stem}/\u00e9`, `${stem}/e\u0301`],
      [`${stem}/A`, `${stem}/a`],
      [`${stem}/a `, `${stem}/a`],
      [`${stem}//a`, `${stem}/a`],
      [`${stem}/a/`, `${stem}/a`],
      [`${stem}/\u212b`, `${stem}/\u00c5`],
      [`${stem}/../a`, `${stem}/a`],
      [`${stem}/\ufeffa`, `${stem}/a`],
    ] as const;
    for (const [one, other] of pairs) {
      expect([one, await matches(one, one)]).toEqual([one, true]);
      expect([one, await matches(one, other)]).toEqual([one, false]);
      expect([one, await matches(other, one)]).toEqual([one, false]);
    }
  });
});
