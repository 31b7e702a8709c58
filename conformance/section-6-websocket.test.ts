import { once } from "node:events";
import { webSocketListener } from "@dunlin/broker";
import { describe, expect, it } from "vitest";
import { createWebSocketStream, WebSocket } from "ws";
import { needsDunlin } from "./harness/broker-process.ts";
import { useBroker } from "./harness/broker-under-test.ts";
import { embeddedBroker } from "./harness/embedded-broker.ts";
import { RawClient } from "./harness/raw-client.ts";
import { connect, disconnect, pingreq, publish, subscribe } from "./harness/wire-writer.ts";

describe("6 WebSocket", needsDunlin, () => {
  const broker = useBroker(embeddedBroker({}, () => webSocketListener({ port: 0, path: "/mqtt" })));

  async function openSocket(protocols: string[] = ["mqtt"]): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${broker.port}/mqtt`, protocols);
    await once(socket, "open");
    return socket;
  }

  /** A client whose every write is one binary frame. */
  const overFrames = (socket: WebSocket): RawClient => new RawClient(createWebSocketStream(socket));

  it("MQTT-6.0.0-1 packets are taken from binary frames, and sent in binary frames", async () => {
    const socket = await openSocket();
    const frames: boolean[] = [];
    socket.on("message", (_data, isBinary) => frames.push(isBinary));
    const client = overFrames(socket);
    client.send(connect({ clientId: broker.name() }));
    expect((await client.expect("CONNACK")).reasonCode).toBe(0);
    await client.fence();
    expect(frames.length).toBeGreaterThan(0);
    expect(frames).not.toContain(false);
    client.send(disconnect());
    await client.expectClosed();
  });

  it("MQTT-6.0.0-1 a text frame closes the connection", async () => {
    const before = await openSocket();
    before.send("hello");
    await once(before, "close");
    const after = await openSocket();
    after.send(connect({ clientId: broker.name() }));
    await once(after, "message");
    after.send(pingreq().toString("latin1"));
    await once(after, "close");
  });

  it("MQTT-6.0.0-2 packets may be cut and joined over frames in any way", async () => {
    const topicName = broker.name();
    const client = overFrames(await openSocket());
    const stream = Buffer.concat([
      connect({ clientId: broker.name() }),
      subscribe(1, [[topicName, 0]]),
      publish({ topicName, payload: "x".repeat(200) }),
      pingreq(),
    ]);
    for (const byte of stream) client.send(Buffer.from([byte]));
    await client.expect("CONNACK");
    await client.expect("SUBACK");
    expect((await client.expect("PUBLISH")).payload).toHaveLength(200);
    await client.expect("PINGRESP");
    client.send(Buffer.concat([publish({ topicName }), publish({ topicName }), pingreq().subarray(0, 1)]));
    client.send(pingreq().subarray(1));
    await client.expect("PUBLISH");
    await client.expect("PUBLISH");
    await client.expect("PINGRESP");
    const joined = overFrames(await openSocket());
    joined.send(stream);
    await joined.expect("CONNACK");
    await joined.expect("SUBACK");
    await joined.expect("PUBLISH");
    await joined.expect("PINGRESP");
  });

  it("MQTT-6.0.0-3 a client that does not offer the subprotocol mqtt is refused", async () => {
    for (const protocols of [[], ["other"], ["MQTT"]]) {
      const socket = new WebSocket(`ws://127.0.0.1:${broker.port}/mqtt`, protocols);
      const outcome = await Promise.race([
        once(socket, "open").then(() => "open"),
        once(socket, "error").then(() => "refused"),
      ]).catch(() => "refused");
      socket.on("error", () => {});
      socket.terminate();
      expect([protocols, outcome]).toEqual([protocols, "refused"]);
    }
  });

  it("MQTT-6.0.0-4 the server selects the subprotocol mqtt", async () => {
    for (const protocols of [["mqtt"], ["other", "mqtt"], ["mqtt", "other"]]) {
      const socket = await openSocket(protocols);
      expect(socket.protocol).toBe("mqtt");
      socket.terminate();
    }
  });

  it("MQTT-4.13.1-1 over WebSocket an error sends DISCONNECT and closes as well", async () => {
    const client = overFrames(await openSocket());
    client.send(connect({ clientId: broker.name() }));
    await client.expect("CONNACK");
    client.send(connect());
    await client.expectDisconnect(0x82);
  });
});
