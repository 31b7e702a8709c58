import { type MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";
import { describe, expect, test } from "vitest";
import type { AuthenticationMethod, AuthenticationStep, Authenticator } from "../src/index.ts";

const text = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString();

/** Asks for the client's id backwards; "tell" makes it say something with its last word. */
const backwards: AuthenticationMethod = {
  name: "BACKWARDS",
  begin: ({ clientId }) => {
    let asked = false;
    return {
      async step(data): Promise<AuthenticationStep> {
        await Promise.resolve();
        if (text(data) === "throw") throw new Error("broken on purpose");
        if (!asked) {
          asked = true;
          return { outcome: "continue", data: Buffer.from("backwards?") };
        }
        if (text(data) !== [...clientId].reverse().join("")) {
          return { outcome: "refused", reasonCode: 0x87, reasonString: "not that way round" };
        }
        return { outcome: "accepted", data: Buffer.from("well done"), userName: `user of ${clientId}` };
      },
    };
  },
};

function auth(
  client: MemoryClient,
  data: string,
  reasonCode: 0x18 | 0x19 = 0x18,
  method = "BACKWARDS",
): void {
  const properties = { authenticationMethod: method, authenticationData: Buffer.from(data) };
  client.send({ type: "AUTH", reasonCode, properties });
}

async function begin(virtual: VirtualBroker, data = "", method = "BACKWARDS"): Promise<MemoryClient> {
  const client = virtual.open();
  const properties = { authenticationMethod: method, authenticationData: Buffer.from(data) };
  client.send({
    type: "CONNECT",
    protocolVersion: 5,
    cleanStart: true,
    keepAliveSeconds: 0,
    clientId: "abc",
    properties,
  });
  await settled();
  return client;
}

async function authenticated(virtual: VirtualBroker): Promise<MemoryClient> {
  const client = await begin(virtual);
  auth(client, "cba");
  await settled();
  client.take();
  return client;
}

describe("enhanced authentication", () => {
  test("asks, is answered, and tells who the client is", async () => {
    const virtual = await VirtualBroker.start({ authenticationMethods: [backwards] });
    const connected: unknown[] = [];
    virtual.broker.on("clientConnected", ({ client }) => connected.push(client.userName));
    const client = await begin(virtual);
    const [question, ...rest] = client.take();
    expect(question).toMatchObject({ type: "AUTH", reasonCode: 0x18 });
    expect(rest).toEqual([]);
    auth(client, "cba");
    await settled();
    const [connack] = client.takeOnly("CONNACK");
    expect(connack?.reasonCode).toBe(0);
    expect(connack?.properties.authenticationMethod).toBe("BACKWARDS");
    expect(text(connack?.properties.authenticationData)).toBe("well done");
    expect(connected).toEqual(["user of abc"]);
  });

  test("refuses a wrong answer, an unknown method and one that fails", async () => {
    const virtual = await VirtualBroker.start({ authenticationMethods: [backwards] });
    const wrong = await begin(virtual);
    auth(wrong, "abc");
    const unknown = await begin(virtual, "", "SIDEWAYS");
    const failing = await begin(virtual, "throw");
    await settled();
    const codes = [wrong, unknown, failing].map((each) => each.takeOnly("CONNACK")[0]?.reasonCode);
    expect(codes).toEqual([0x87, 0x8c, 0x88]);
    expect([wrong, unknown, failing].map(({ state }) => state)).toEqual(["closed", "closed", "closed"]);
  });

  test("lets nothing else through before CONNACK, and does not wait for ever", async () => {
    const virtual = await VirtualBroker.start({ authenticationMethods: [backwards] });
    const hasty = await begin(virtual);
    hasty.send(hasty.message("t", "hasty"));
    await settled();
    expect(hasty.takeOnly("CONNACK")[0]?.reasonCode).toBe(0x82);
    const slow = await begin(virtual);
    await virtual.advance(10_200);
    expect([hasty.state, slow.state]).toEqual(["closed", "closed"]);
    expect(virtual.broker.counters.limits.connectTimeoutMs).toBe(1);
  });

  test("can be gone through again, while messages pass", async () => {
    const virtual = await VirtualBroker.start({ authenticationMethods: [backwards] });
    const client = await authenticated(virtual);
    auth(client, "", 0x19);
    client.send(client.message("t", "meanwhile", { qos: 1 }));
    await settled();
    expect(client.take().map(({ type }) => type)).toEqual(["AUTH", "PUBACK"]);
    auth(client, "cba");
    await settled();
    expect(client.take()).toMatchObject([{ type: "AUTH", reasonCode: 0 }]);
    auth(client, "", 0x19);
    auth(client, "abc");
    await settled();
    expect(client.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x87]);
  });

  test.each([
    ["continues what has not begun", (client: MemoryClient) => auth(client, "x", 0x18)],
    ["changes the method", (client: MemoryClient) => auth(client, "x", 0x19, "SIDEWAYS")],
  ])("disconnects who %s", async (_what, act) => {
    const virtual = await VirtualBroker.start({ authenticationMethods: [backwards] });
    const client = await authenticated(virtual);
    act(client);
    await settled();
    expect(client.takeOnly("DISCONNECT").map(({ reasonCode }) => reasonCode)).toEqual([0x82]);
  });
});

describe("an authenticator", () => {
  const byUserName: Authenticator = {
    async authenticate({ connect, clientId, origin, listenerName }) {
      if (connect.userName === "throw") throw new Error("broken on purpose");
      if (connect.userName === "moved") {
        const userProperties = [["to", "you"]] as const;
        return { accepted: false, reasonCode: 0x9d, serverReference: "elsewhere:1883", userProperties };
      }
      if (connect.userName !== "ann") return { accepted: false, reasonCode: 0x86, reasonString: "who?" };
      return { accepted: true, userName: [clientId, origin.remoteAddress, listenerName].join(" ") };
    },
  };

  test("is told where the client comes from, and says who it is", async () => {
    const virtual = await VirtualBroker.start({ authenticator: byUserName });
    const users: unknown[] = [];
    virtual.broker.on("clientConnected", ({ client }) => users.push(client.userName));
    await virtual.connect("c", { userName: "ann" });
    await virtual.connect("", { userName: "ann" });
    expect(virtual.connack?.properties.assignedClientIdentifier).toMatch(/^auto-[0-9a-f]{20}$/);
    expect(users[0]).toBe("c 192.0.2.1 memory");
    expect(users[1]).toBe(`${virtual.connack?.properties.assignedClientIdentifier} 192.0.2.1 memory`);
  });

  test("refuses with its own reason, translated for older clients; failing refuses too", async () => {
    const virtual = await VirtualBroker.start({ authenticator: byUserName });
    const refused: unknown[] = [];
    virtual.broker.on("clientRefused", ({ reason }) => refused.push(reason));
    const answers: unknown[] = [];
    for (const [userName, protocolVersion] of [
      ["bob", 5],
      ["bob", 4],
      ["moved", 5],
      ["moved", 4],
      ["throw", 5],
    ] as const) {
      const client = await virtual.connect("c", { userName, protocolVersion });
      expect(client.state).toBe("closed");
      answers.push(virtual.connack?.reasonCode);
      if (userName === "moved" && protocolVersion === 5) {
        const { serverReference, userProperties } = virtual.connack?.properties ?? {};
        expect([serverReference, userProperties]).toEqual(["elsewhere:1883", [["to", "you"]]]);
      }
    }
    expect(answers).toEqual([0x86, 4, 0x9d, 3, 0x88]);
    expect(refused[0]).toBe("who?");
    expect(virtual.broker.counters.clientsConnected).toBe(0);
  });

  test("may take its time: nothing is read meanwhile, and a client that leaves is forgotten", async () => {
    const answers: ((result: { accepted: true }) => void)[] = [];
    const authenticator: Authenticator = {
      authenticate: () => new Promise((resolve) => answers.push(resolve)),
    };
    const virtual = await VirtualBroker.start({ authenticator });
    const heard: string[] = [];
    virtual.broker.subscribe("#", ({ topicName }) => heard.push(topicName));
    const [staying, leaving] = [virtual.open(), virtual.open()];
    const connects = [staying, leaving].map((client, index) =>
      client.connect({ clientId: `c${index}` }).catch(() => 0),
    );
    staying.send(staying.message("early"));
    await settled();
    await leaving.cut();
    expect([heard, answers.length]).toEqual([[], 2]);
    for (const answer of answers) answer({ accepted: true });
    await Promise.all(connects);
    await settled();
    expect(heard).toEqual(["early"]);
    expect(virtual.broker.counters.clientsConnected).toBe(1);
  });
});
