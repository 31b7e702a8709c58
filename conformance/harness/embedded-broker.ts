import { type BrokerOptions, createBroker, type Listener, tcpListener } from "@dunlin/broker";
import type { RunningBroker } from "./broker-under-test.ts";

/** Starts a broker inside this process, for what takes a program to set up: authentication, refusals, limits. */
export function embeddedBroker(
  options: BrokerOptions,
  createListener: () => Listener = () => tcpListener({ port: 0 }),
): () => Promise<RunningBroker> {
  return async () => {
    const listener = createListener();
    const broker = createBroker({ ...options, listeners: [listener] });
    await broker.start();
    return { port: Number(new URL(listener.url).port), stop: () => broker.stop() };
  };
}
