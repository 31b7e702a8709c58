import { once } from "node:events";
import { type ControlPacket, encodePacket } from "@dunlin/protocol";
import { describe, expect, test } from "vitest";
import { Battlefield } from "./battlefield.ts";
import { RawClient } from "./raw-client.ts";

const field = new Battlefield();

describe("before CONNECT", () => {
  test("huge Remaining Lengths are refused by their headers, smaller ones by the clock", async () => {
    const clients = await field.open(300);
    for (const [index, client] of clients.entries()) {
      client.write(
        Buffer.from(index % 2 === 0 ? [0x10, 0xff, 0xff, 0xff, 0x7f] : [0x10, 0xf0, 0xff, 0x0f, 0]),
      );
    }
    await Promise.all(clients.map((client) => client.closed()));
    await field.bitten("maximumConnectPacketSize", 150);
    await field.bitten("connectTimeoutMs", 150);
  });

  test("a thousand clients that send a byte at a time are closed in time", async () => {
    const clients = await field.open(1000);
    const packet = encodePacket(
      {
        type: "CONNECT",
        protocolVersion: 5,
        clientId: "x".repeat(1000),
        cleanStart: true,
        keepAliveSeconds: 0,
        properties: {},
      },
      5,
    );
    let sent = 0;
    const trickle = setInterval(() => {
      for (const { socket } of clients) {
        if (!socket.destroyed) socket.write(packet.subarray(sent, sent + 1));
      }
      sent++;
    }, 50);
    await Promise.all(clients.map((client) => client.closed()));
    clearInterval(trickle);
    await field.bitten("connectTimeoutMs", 1000);
  });

  test("headers of HTTP and of the PROXY protocol that do not end are closed in time", async () => {
    for (let index = 0; index < 200; index++) {
      const isHttp = index % 2 === 0;
      const client = await RawClient.open(isHttp ? field.broker.webSocketUrl : field.broker.proxyUrl);
      client.write(Buffer.from(isHttp ? "GET /mqtt HTTP/1.1\r\n" : "PROXY TCP4 "));
      field.clients.push(client);
    }
    await Promise.all(field.clients.map((client) => client.closed()));
    await field.bitten("connectTimeoutMs", 200);
  });
});

describe("a client that floods", () => {
  const reason = { reasonCode: 0, properties: {} } as const;
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const floods: [string, ControlPacket][] = [
    ["PINGREQ", { type: "PINGREQ" }],
    ["PUBREC for what was never sent", { type: "PUBREC", packetIdentifier: 9, ...reason }],
    ["PUBREL for what was never sent", { type: "PUBREL", packetIdentifier: 9, ...reason }],
    [
      "SUBSCRIBE",
      {
        type: "SUBSCRIBE",
        packetIdentifier: 1,
        subscriptions: [{ topicFilter: "f", ...options }],
        properties: {},
      },
    ],
    ["UNSUBSCRIBE", { type: "UNSUBSCRIBE", packetIdentifier: 1, topicFilters: ["f"], properties: {} }],
  ];

  test.each(floods)("%s and does not read the answers is closed", async (_name, packet) => {
    const [client] = (await field.connect(1, "flood")) as [RawClient];
    client.socket.pause();
    await client.flood(Buffer.concat(Array.from({ length: 10_000 }, () => encodePacket(packet, 5))));
    await field.bitten("maximumOutputBytes", 1);
  });

  test("PUBLISH with QoS 1 and does not read its PUBACKs is closed", async () => {
    const [client] = (await field.connect(1, "puback")) as [RawClient];
    client.socket.pause();
    const message = { topicName: "t", payload: new Uint8Array(), qos: 1, packetIdentifier: 1 } as const;
    const rest = { type: "PUBLISH", retain: false, dup: false, properties: {} } as const;
    await client.flood(
      Buffer.concat(Array.from({ length: 10_000 }, () => encodePacket({ ...rest, ...message }, 5))),
    );
    await field.bitten("maximumOutputBytes", 1);
  });

  test("AUTH without a method is told so, once", async () => {
    const [client] = (await field.connect(1, "auth")) as [RawClient];
    const packet = encodePacket(
      { type: "AUTH", reasonCode: 0x19, properties: { authenticationMethod: "none" } },
      5,
    );
    client.write(Buffer.concat(Array.from({ length: 1000 }, () => packet)));
    await client.closed();
    expect(await field.counted("protocolErrors")).toBe(1);
  });

  test("QoS 2 and never releases is closed with 0x93", async () => {
    const [client] = (await field.connect(1, "qos2")) as [RawClient];
    const chunks: Buffer[] = [];
    client.socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (let packetIdentifier = 1; packetIdentifier <= 200; packetIdentifier++) {
      client.publish({ topicName: "q", qos: 2, packetIdentifier });
    }
    await client.closed();
    const received = Buffer.concat(chunks);
    const disconnect = received.indexOf(0xe0);
    expect(received[disconnect + 2]).toBe(0x93);
    await field.bitten("receiveMaximum", 1);
  });

  test("retained messages meets their limit", async () => {
    const [client] = (await field.connect(1, "retain")) as [RawClient];
    client.socket.resume();
    for (let index = 0; index < 3000; index++) {
      client.publish({ topicName: `retained/${index}`, payload: Buffer.alloc(100), retain: true });
    }
    await field.bitten("maximumRetainedMessages", 2000);
  });

  // The last one: its sessions stay.
  test("random sessions that outlive it meets the limit of sessions", async () => {
    const properties = { sessionExpiryIntervalSeconds: 0xffffffff };
    let refused = 0;
    const flood = async (first: RawClient, index: number): Promise<void> => {
      for (let round = 0; round < 5; round++) {
        const client = round === 0 ? first : await RawClient.open(field.broker.tcpUrl);
        client.connect(`session-${index}-${round}`, { properties });
        const [answer] = (await once(client.socket, "data")) as [Buffer];
        if (answer[3] === 0x97) refused++;
        client.socket.destroy();
      }
    };
    await Promise.all((await field.open(500)).map(flood));
    expect(refused).toBeGreaterThan(400);
    await field.bitten("maximumSessions", refused);
  });
});
