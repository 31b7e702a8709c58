import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type AuthenticationRequest, type ByteStream, createBroker } from "@dunlin/broker";
import { createMemoryListener, MemoryClient, settled, VirtualBroker } from "@dunlin/test-kit";
import { expect, test, vi } from "vitest";
import { Arena } from "../../src/arena.ts";
import { ChunkPool, OutputQueue } from "../../src/connection/output-queue.ts";

const MEBIBYTE = 1024 * 1024;
const SLAB_BYTES = 256 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("what waits for a client that does not read holds on to little more than itself", () => {
  const waiting: Uint8Array[] = [];
  const stream = {
    write: (bytes: Uint8Array, start: number, end: number) => waiting.push(bytes.subarray(start, end)) < 0,
    writableLength: 1,
  } as unknown as ByteStream;
  const queue = new OutputQueue(stream, new ChunkPool(new Arena()));
  for (let index = 0; index < 100; index++) {
    // Of each slab one message is for this client.
    queue.append(Buffer.allocUnsafeSlow(SLAB_BYTES), 1000, 1000 + 9000);
    queue.flush();
  }
  const held = new Set(waiting.map(({ buffer }) => buffer));
  const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(bytes).toBeLessThan(2 * 100 * 9000);
});

test("a stored session that is behind holds on to its own messages only", async () => {
  const virtual = await VirtualBroker.start();
  for (let index = 0; index < 50; index++) {
    const properties = { sessionExpiryIntervalSeconds: 60, receiveMaximum: 1 };
    const client = await virtual.connect(`c${index}`, { properties });
    client.acknowledges = false;
    await client.subscribe("t", 1);
    await client.subscribe(`other/${index}`, 1);
  }
  await virtual.broker.publish({ topicName: "t", payload: "fills the window", qos: 1 });
  await settled();
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const away = await virtual.connect("away", { properties: { sessionExpiryIntervalSeconds: 60 } });
  await away.subscribe("large", 1);
  for (let index = 0; index < 50; index++) {
    // In one group: a small message for a session that is behind, and large ones for nobody in particular.
    void virtual.broker.publish({ topicName: `other/${index}`, payload: "small", qos: 1 });
    void virtual.broker.publish({ topicName: "large", payload: Buffer.alloc(MEBIBYTE), qos: 1 });
    await settled();
    away.take();
  }
  await away.disconnect(0, { sessionExpiryIntervalSeconds: 0 });
  await virtual.advance(1000);
  virtual.store.groups.length = 0;
  // Buffers are freed in the background.
  await vi.waitFor(() => {
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * MEBIBYTE);
  });
  await virtual.stop();
});

test("what is kept of a CONNECT holds on to nothing else", async () => {
  const requests: AuthenticationRequest[] = [];
  const listener = createMemoryListener();
  const broker = createBroker({
    listeners: [listener],
    authenticator: {
      authenticate(request) {
        requests.push(request);
        return { accepted: true };
      },
    },
  });
  await broker.start();
  const client = new MemoryClient(listener.connect(), 5);
  client.send({
    type: "CONNECT",
    protocolVersion: 5,
    clientId: "c",
    cleanStart: true,
    keepAliveSeconds: 0,
    userName: "user",
    password: Buffer.from("secret"),
    properties: {},
  });
  while (requests.length === 0) await settled();
  // Of Node's pool of small buffers, 8 KiB or in Node 24 64 KiB, at most.
  expect(requests[0]?.connect.password?.buffer.byteLength).toBeLessThan(SLAB_BYTES / 2);
  await broker.stop();
});
