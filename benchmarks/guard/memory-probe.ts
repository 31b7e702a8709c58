/** A broker in a process of its own that tells how much memory JavaScript holds. Started by measure-memory.ts. */
import { createBroker, tcpListener } from "@dunlin/broker";

const COLLECTIONS = 3;

const { gc } = globalThis as { gc?: () => void };
if (gc === undefined || process.send === undefined) throw new Error("needs --expose-gc and a parent process");

const broker = createBroker({ listeners: [tcpListener({ port: 0 })], sysIntervalSeconds: 0 });
await broker.start();
process.send(Number(new URL(broker.listeners[0]!.url).port));

process.on("message", () => {
  // What the last turn has left goes before it is counted.
  setTimeout(() => {
    for (let collection = 0; collection < COLLECTIONS; collection++) gc();
    const { heapUsed, external } = process.memoryUsage();
    process.send!(heapUsed + external);
  }, 100);
});
process.on("disconnect", () => process.exit());
