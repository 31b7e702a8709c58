import { expect, test } from "vitest";
import { StopSignals } from "./run-broker.ts";

test("a Ctrl-C that comes twice, as under npm, counts once", async () => {
  const signals = new StopSignals();
  for (const name of ["SIGINT", "SIGINT", "SIGTERM"] as const) process.emit(name);
  expect(await signals.next()).toBe("SIGINT");
  expect(await signals.next()).toBe("SIGTERM");
});
