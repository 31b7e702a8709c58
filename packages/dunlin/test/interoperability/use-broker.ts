import { afterAll, beforeAll } from "vitest";
import { BrokerProcess } from "./broker-process.ts";

/** One broker process for all tests of the file. */
export function useBroker(config: object = {}): BrokerProcess {
  const broker = new BrokerProcess(config);
  beforeAll(() => broker.start());
  afterAll(() => broker.remove());
  return broker;
}
