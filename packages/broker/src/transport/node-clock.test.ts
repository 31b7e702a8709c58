import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { nodeClock } from "./node-clock.ts";

test("after calls back once, every again and again, until cancelled", async () => {
  const startedMs = nodeClock.monotonic();
  let calls = 0;
  await new Promise<void>((resolve) => {
    const cancel = nodeClock.every(1, () => {
      calls++;
      if (calls < 3) return;
      cancel();
      // Were the interval not cancelled, it would call in between.
      nodeClock.after(20, resolve);
    });
    nodeClock.after(1, () => {
      calls += 100;
    })();
  });
  expect(calls).toBe(3);
  expect(nodeClock.monotonic() - startedMs).toBeGreaterThanOrEqual(20);
});

test("afterTurn calls back after every socket that was readable in this turn", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted: Socket[] = [];
  server.on("connection", (socket) => accepted.push(socket));
  const clients = [connect(port), connect(port)];
  await Promise.all(clients.map((client) => once(client, "connect")));
  while (accepted.length < 2) await once(server, "connection");
  const log: string[] = [];
  const bothRead = new Promise<void>((resolve) => {
    for (const socket of accepted) {
      socket.on("data", () => {
        if (log.push("read") === 1) {
          nodeClock.afterTurn(() => {
            log.push("turn over");
            resolve();
          });
        }
      });
    }
  });
  for (const client of clients) client.write("x");
  await bothRead;
  expect(log).toEqual(["read", "read", "turn over"]);
  for (const socket of [...clients, ...accepted]) socket.destroy();
  server.close();
});
