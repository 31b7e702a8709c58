import { describe, expect, it } from "vitest";
import { useBroker } from "./harness/broker-under-test.ts";
import type { RawClient } from "./harness/raw-client.ts";
import { puback, pubcomp, publish, pubrec, subscribe } from "./harness/wire-writer.ts";

const session = { sessionExpiryInterval: 100 };

describe("4.8 subscriptions", () => {
  const broker = useBroker();

  /** Members of one group in the order in which they joined. */
  async function group(topicName: string, qos: number, count: number): Promise<RawClient[]> {
    const filter = `$share/${broker.name("group")}/${topicName}`;
    const members: RawClient[] = [];
    for (let index = 0; index < count; index++) {
      const member = await broker.connect();
      await member.subscribe([[filter, qos]]);
      members.push(member);
    }
    return members;
  }

  it("MQTT-4.8.2-1, MQTT-4.8.2-2 a Shared Subscription needs a ShareName and a Topic Filter", async () => {
    const wrong = [
      "$share/",
      "$share/g",
      "$share/g/",
      "$share//a",
      "$share/g+/a",
      "$share/#/a",
      "$share/+/a",
    ];
    for (const filter of wrong) {
      const client = await broker.connect();
      client.send(subscribe(1, [[filter, 0]]));
      const [answer] = await client.collect(1);
      if (answer?.type === "SUBACK") expect([filter, answer.reasonCodes]).toEqual([filter, [0x8f]]);
      else expect([filter, answer?.type ?? "DISCONNECT"]).toEqual([filter, "DISCONNECT"]);
    }
    const client = await broker.connect();
    const right = ["$share/g/a", "$share/g//", "$share/g/#", "$share/\u00e9 x/+/a", "$share/$share/$x/#"];
    const suback = await client.subscribe(right.map((filter) => [filter, 1] as const));
    expect(suback.reasonCodes).toEqual(right.map(() => 1));
  });

  it("MQTT-4.8.2-1 each message goes to one member of each group and to all other subscribers", async () => {
    const topicName = broker.name();
    const first = await group(topicName, 1, 3);
    const second = await group(topicName, 1, 2);
    const plain = await broker.connect();
    await plain.subscribe(topicName);
    const publisher = await broker.connect();
    const count = 12;
    for (let index = 0; index < count; index++) await publisher.publish({ topicName, qos: 1 });
    const received = async (members: RawClient[]): Promise<number[]> => {
      const counts: number[] = [];
      for (const member of members) counts.push((await member.collect(1)).length);
      return counts;
    };
    const [inFirst, inSecond, inPlain] = [
      await received(first),
      await received(second),
      await received([plain]),
    ];
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    expect([sum(inFirst), sum(inSecond), sum(inPlain)]).toEqual([count, count, count]);
    // Every member takes its part.
    expect(Math.min(...inFirst, ...inSecond)).toBeGreaterThan(0);
  });

  it("MQTT-4.8.2-1 a Shared Subscription gets no retained messages", async () => {
    const topicName = broker.name();
    const publisher = await broker.connect();
    await publisher.publish({ topicName, payload: "kept", retain: true, qos: 1 });
    const [member] = await group(topicName, 1, 1);
    await member?.expectNothing();
  });

  it("MQTT-4.8.2-3 each member gets messages at the QoS granted to it", async () => {
    const topicName = broker.name();
    const filter = `$share/${broker.name("group")}/${topicName}`;
    const members = [await broker.connect(), await broker.connect(), await broker.connect()];
    for (const [qos, member] of members.entries()) await member.subscribe([[filter, qos]]);
    const publisher = await broker.connect();
    for (let index = 0; index < 9; index++) await publisher.publish({ topicName, qos: 2 });
    let total = 0;
    for (const [qos, member] of members.entries()) {
      for (const message of await member.collect(1)) {
        expect(message.qos).toBe(qos);
        total += 1;
      }
    }
    expect(total).toBe(9);
  });

  it("MQTT-4.8.2-4 a QoS 2 delivery that has begun is completed with the same member", async () => {
    const clientId = broker.name();
    const topicName = broker.name();
    const filter = `$share/${broker.name("group")}/${topicName}`;
    const first = await broker.connect({ clientId, properties: session });
    await first.subscribe([[filter, 2]]);
    const publisher = await broker.connect();
    for (const payload of ["one", "two"]) await publisher.publish({ topicName, payload, qos: 2 });
    const one = await first.expect("PUBLISH");
    const two = await first.expect("PUBLISH");
    const other = await broker.connect();
    await other.subscribe([[filter, 2]]);
    first.send(pubrec(one.packetIdentifier));
    await first.expect("PUBREL");
    first.drop();
    await other.expectNothing(300);
    const second = await broker.connect({ clientId, cleanStart: false, properties: session });
    const again = await second.collect(2);
    expect(again.map((packet) => [packet.type, packet.packetIdentifier])).toEqual(
      expect.arrayContaining([
        ["PUBREL", one.packetIdentifier],
        ["PUBLISH", two.packetIdentifier],
      ]),
    );
    second.send(pubcomp(one.packetIdentifier), pubrec(two.packetIdentifier));
    await second.expect("PUBREL");
    await other.expectNothing();
  });

  it("MQTT-4.8.2-5 a QoS 2 message sent to a member whose session ends goes to no other", async () => {
    const topicName = broker.name();
    const filter = `$share/${broker.name("group")}/${topicName}`;
    const first = await broker.connect();
    await first.subscribe([[filter, 2]]);
    await (await broker.connect()).publish({ topicName, qos: 2 });
    await first.expect("PUBLISH");
    const other = await broker.connect();
    await other.subscribe([[filter, 2]]);
    first.drop();
    await other.expectNothing(400);
  });

  it("MQTT-4.8.2-6 a message refused by a member goes to no other", async () => {
    for (const [qos, refuse] of [
      [1, puback],
      [2, pubrec],
    ] as const) {
      const topicName = broker.name();
      const filter = `$share/${broker.name("group")}/${topicName}`;
      const first = await broker.connect();
      await first.subscribe([[filter, 2]]);
      await (await broker.connect()).publish({ topicName, qos });
      const { packetIdentifier } = await first.expect("PUBLISH");
      const other = await broker.connect();
      await other.subscribe([[filter, 2]]);
      first.send(refuse(packetIdentifier, 0x83));
      await first.fence();
      await first.disconnect();
      await other.expectNothing(300);
    }
  });

  it("MQTT-4.8.2-6 what a member leaves unacknowledged at QoS 1 goes to another when its session ends", async () => {
    const topicName = broker.name();
    const filter = `$share/${broker.name("group")}/${topicName}`;
    const first = await broker.connect();
    await first.subscribe([[filter, 1]]);
    await (await broker.connect()).publish({ topicName, payload: "work", qos: 1 });
    await first.expect("PUBLISH");
    const other = await broker.connect();
    await other.subscribe([[filter, 1]]);
    first.drop();
    expect(await other.receive()).toMatchObject({ payload: "work", qos: 1 });
  });

  it("MQTT-4.8.2-1 an ordinary subscription beside a shared one gets its own copy", async () => {
    const topicName = broker.name();
    const client = await broker.connect();
    await client.subscribe([
      [topicName, 0],
      [`$share/${broker.name("group")}/${topicName}`, 0],
    ]);
    client.send(publish({ topicName }));
    expect(await client.collect(2)).toHaveLength(2);
  });
});
