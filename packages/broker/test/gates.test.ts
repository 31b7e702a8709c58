import { messagesOf, settled, VirtualBroker } from "@dunlin/test-kit";
import { describe, expect, test } from "vitest";
import {
  type Authorizer,
  type InterceptedMessage,
  type PublishInterceptor,
  type SystemTopicPublisher,
  type SystemTopicService,
  silentLogger,
} from "../src/index.ts";

describe("an authorizer", () => {
  const rules: Authorizer = {
    authorize({ topic, client }) {
      if (topic.startsWith("throw")) throw new Error("broken on purpose");
      if (topic.startsWith("reject")) return Promise.reject(new Error("broken on purpose"));
      return !topic.startsWith("secret") && client.clientId !== "nobody";
    },
  };

  test.each(["secret/t", "throw/t", "reject/t"])(
    "denies %s: publish, subscribe and will",
    async (topicName) => {
      const virtual = await VirtualBroker.start({ authorizer: rules });
      const heard: string[] = [];
      virtual.broker.subscribe("#", (message) => heard.push(message.topicName));
      const client = await virtual.connect("c");
      const suback = await client.subscribe([topicName, "open", `$share/g/${topicName}`], 1);
      expect(suback.reasonCodes).toEqual([0x87, 1, 0x87]);
      const answers = await client.exchange(
        client.message(topicName, "0"),
        client.message(topicName, "1", { qos: 1 }),
        client.message(topicName, "2", { qos: 2 }),
      );
      expect(answers).toMatchObject([
        { type: "PUBACK", reasonCode: 0x87 },
        { type: "PUBREC", reasonCode: 0x87 },
      ]);
      const will = { topicName, payload: Buffer.from("w"), qos: 0, retain: false, properties: {} } as const;
      await virtual.connect("with will", { will });
      expect([virtual.connack?.reasonCode, heard]).toEqual([0x87, []]);
      expect(virtual.broker.counters.publishesDenied).toBe(3);
      expect(virtual.broker.counters.subscriptionsDenied).toBe(2);
    },
  );

  test("leaves an older client in the dark, which then goes on", async () => {
    const virtual = await VirtualBroker.start({ authorizer: rules });
    const client = await virtual.connect("c", { protocolVersion: 4 });
    const answers = await client.exchange(
      client.message("secret", "", { qos: 1 }),
      client.message("secret", "", { qos: 2 }),
    );
    expect(answers.map(({ type }) => type)).toEqual(["PUBACK", "PUBREC", "PUBCOMP"]);
    expect((await client.subscribe(["secret", "open"])).reasonCodes).toEqual([0x80, 0]);
    expect(virtual.broker.counters.unexpectedAcknowledgements).toBe(0);
  });

  test("may take its time: what that client sends next waits in order, and others go on", async () => {
    const waiting: (() => void)[] = [];
    const authorizer: Authorizer = {
      authorize: ({ topic }) =>
        topic !== "slow" || new Promise((resolve) => waiting.push(() => resolve(true))),
    };
    const virtual = await VirtualBroker.start({ authorizer });
    const heard: string[] = [];
    virtual.broker.subscribe("#", ({ payload }) => heard.push(Buffer.from(payload).toString()));
    const [a, b] = [await virtual.connect("a"), await virtual.connect("b")];
    a.send(a.message("slow", "a1", { qos: 1 }), a.message("quick", "a2", { qos: 1 }));
    a.send(a.message("slow", "a3"), a.message("quick", "a4", { qos: 1 }));
    await settled();
    await b.publish("quick", "b1");
    expect([heard, a.take(), waiting.length]).toEqual([["b1"], [], 1]);
    waiting.shift()?.();
    await settled();
    expect(heard).toEqual(["b1", "a1", "a2"]);
    waiting.shift()?.();
    await settled();
    expect(heard).toEqual(["b1", "a1", "a2", "a3", "a4"]);
    expect(a.takeOnly("PUBACK").map(({ packetIdentifier }) => packetIdentifier)).toEqual([1, 2, 3]);
  });

  test("that keeps a client waiting does not let its Keep Alive run out", async () => {
    const authorizer: Authorizer = { authorize: () => new Promise(() => {}) };
    const virtual = await VirtualBroker.start({ authorizer });
    const client = await virtual.connect("c", { keepAliveSeconds: 1 });
    client.send(client.message("t", ""), { type: "PINGREQ" });
    await virtual.advance(60_000);
    expect(client.state).toBe("open");
  });
});

describe("publish interceptors", () => {
  const seen: string[] = [];
  const byTopic: PublishInterceptor = {
    async intercept(message, client) {
      seen.push(`${client?.clientId} ${message.topicName}`);
      switch (message.topicName) {
        case "replace": {
          const properties = { ...message.properties, contentType: "replaced" };
          const payload = Buffer.concat([message.payload, Buffer.from("!")]);
          return { action: "replace", message: { ...message, topicName: "new/topic", payload, properties } };
        }
        case "reject":
          return { action: "reject", reasonCode: 0x99, reasonString: "no good" };
        case "drop":
          return { action: "drop", reason: "not today" };
        case "throw":
          throw new Error("broken on purpose");
        default:
          return { action: "pass" };
      }
    },
  };
  const second: PublishInterceptor = {
    intercept: (message) => {
      seen.push(`second ${message.topicName}`);
      return { action: "pass" };
    },
  };

  test("pass, replace, reject and drop", async () => {
    const virtual = await VirtualBroker.start({ publishInterceptors: [byTopic, second] });
    const to = await virtual.connect("to");
    await to.subscribe("#", 2);
    const client = await virtual.connect("c");
    seen.length = 0;
    const userProperties = [["k", "v"]] as const;
    const answers = await client.exchange(
      client.message("pass", "p", { qos: 1 }),
      client.message("replace", "r", {
        qos: 1,
        properties: { userProperties, messageExpiryIntervalSeconds: 9 },
      }),
      client.message("reject", "", { qos: 1 }),
      client.message("reject", "", { qos: 2 }),
      client.message("drop", "", { qos: 2 }),
    );
    await settled();
    expect(answers).toMatchObject([
      { type: "PUBACK", reasonCode: 0 },
      { type: "PUBACK", reasonCode: 0 },
      { type: "PUBACK", reasonCode: 0x99, properties: { reasonString: "no good" } },
      { type: "PUBREC", reasonCode: 0x99 },
      { type: "PUBREC", reasonCode: 0 },
      { type: "PUBCOMP" },
    ]);
    const got = to.takeOnly("PUBLISH");
    expect(messagesOf(got)).toEqual(["pass=p", "new/topic=r!"]);
    expect(got[1]?.properties).toEqual({
      contentType: "replaced",
      messageExpiryIntervalSeconds: 9,
      userProperties,
    });
    expect(seen).toEqual([
      "c pass",
      "second pass",
      "c replace",
      "second new/topic",
      "c reject",
      "c reject",
      "c drop",
    ]);
  });

  test("one that fails costs the message's client its connection, and nobody else", async () => {
    const virtual = await VirtualBroker.start({ publishInterceptors: [byTopic] });
    const [client, other] = [await virtual.connect("c"), await virtual.connect("other")];
    client.send(client.message("throw"));
    await settled();
    expect([client.takeOnly("DISCONNECT")[0]?.reasonCode, client.state, other.state]).toEqual([
      0x80,
      "closed",
      "open",
    ]);
  });
});

describe("a system topic service", () => {
  class Echo implements SystemTopicService {
    readonly prefix = "$echo/";
    readonly log: string[] = [];
    publisher: SystemTopicPublisher | undefined;
    start(publisher: SystemTopicPublisher): void {
      this.publisher = publisher;
      this.log.push("start");
    }
    stop(): void {
      this.log.push("stop");
    }
    onPublish(message: InterceptedMessage, { clientId }: { clientId: string }): void {
      this.log.push(`publish ${message.topicName} ${clientId}`);
      this.publisher?.publishTo(clientId, { ...message, topicName: `${this.prefix}answer` });
    }
    onSubscribe(topicFilter: string): void {
      this.log.push(`subscribe ${topicFilter}`);
    }
    onUnsubscribe(topicFilter: string): void {
      this.log.push(`unsubscribe ${topicFilter}`);
    }
  }

  test("gets what is published below its prefix, and answers one client without a subscription", async () => {
    const echo = new Echo();
    const virtual = await VirtualBroker.start({ systemTopicServices: [echo] });
    const [client, other] = [await virtual.connect("c"), await virtual.connect("other")];
    await other.subscribe(["$echo/#", "#"], 1);
    const topicFilters = ["$echo/#"];
    await other.exchange({ type: "UNSUBSCRIBE", packetIdentifier: 99, topicFilters, properties: {} });
    const answers = await client.publish("$echo/ask", "hello", { qos: 1 });
    await settled();
    expect(messagesOf(answers)).toEqual(["$echo/answer=hello"]);
    expect(answers).toContainEqual(expect.objectContaining({ type: "PUBACK", reasonCode: 0 }));
    expect(other.take()).toEqual([]);
    await virtual.stop();
    expect(echo.log).toEqual([
      "start",
      "subscribe $echo/#",
      "unsubscribe $echo/#",
      "publish $echo/ask c",
      "stop",
    ]);
    expect(echo.publisher?.publishTo("nobody", {} as InterceptedMessage)).toBe(false);
  });

  test("reaches a stored session that is away", async () => {
    const echo = new Echo();
    const virtual = await VirtualBroker.start({ systemTopicServices: [echo] });
    const persistent = { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } };
    await (await virtual.connect("c", persistent)).cut();
    const message = {
      topicName: "$echo/x",
      payload: Buffer.from("y"),
      qos: 1,
      retain: false,
      properties: {},
    } as const;
    expect(echo.publisher?.publishTo("c", message)).toBe(true);
    await virtual.restart();
    const back = await virtual.connect("c", persistent);
    expect(messagesOf(back.take())).toEqual(["$echo/x=y"]);
  });

  test("of the broker itself tells about every limit, and hears nobody", async () => {
    const virtual = await VirtualBroker.start({
      sysIntervalSeconds: 10,
      limits: { maximumSessions: 1, maximumTopicLength: 64, maximumTopicLevels: 8 },
      logger: silentLogger,
    });
    const client = await virtual.connect("c");
    await virtual.connect("too many");
    await virtual.advance(10_000);
    await client.subscribe("$SYS/broker/limits/#");
    const limits = messagesOf(client.take());
    expect(limits).toContain("$SYS/broker/limits/maximumSessions=1");
    expect(limits).toHaveLength(Object.keys(virtual.broker.counters.limits).length);
    const denied = await client.publish("$SYS/broker/uptime", "0", { qos: 1 });
    expect(denied).toMatchObject([{ type: "PUBACK", reasonCode: 0x87 }]);
    await client.subscribe("#");
    expect(messagesOf(client.take())).toEqual([]);
  });

  test("of the broker itself tells how often and how long it has stored", async () => {
    const virtual = await VirtualBroker.start({ sysIntervalSeconds: 10 });
    await virtual.connect("kept", { cleanStart: false, properties: { sessionExpiryIntervalSeconds: 60 } });
    await virtual.advance(10_000);
    const { commits } = virtual.broker.counters;
    expect(commits).toBeGreaterThan(0);
    const client = await virtual.connect("c");
    await client.subscribe("$SYS/broker/store/+");
    const told = messagesOf(client.take());
    expect(told).toContain(`$SYS/broker/store/commits=${commits}`);
    expect(told).toContain("$SYS/broker/store/commit milliseconds=0");
  });
});
