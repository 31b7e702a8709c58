import { once } from "node:events";
import { connect } from "node:net";
import { type ByteStream, tcpListener } from "@dunlin/broker";
import { expect, test } from "vitest";

test("accepts, reads and writes", async () => {
  const listener = tcpListener({ port: 0 });
  await listener.start((stream: ByteStream) => {
    stream.start({
      onBytes(bytes, start, end) {
        stream.write(bytes, start, end);
      },
      onDrained() {},
      onClosed() {},
    });
  });
  const client = connect(Number(new URL(listener.url).port));
  client.write("hello");
  const [reply] = await once(client, "data");
  expect(String(reply)).toBe("hello");
  client.end();
  await once(client, "close");
  await listener.stop();
});
