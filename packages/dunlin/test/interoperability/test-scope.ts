import { onTestFinished, type TestContext } from "vitest";
import type { ClientUnderTest } from "./client-under-test.ts";

let names = 0;

/** A topic or Client Identifier that no other test of the file uses. */
export function uniqueName(stem: string): string {
  names += 1;
  return `${stem}-${names}`;
}

/** Lists the test as skipped, with the reason, where a component is missing. */
export function skipWithout(context: TestContext, missing: string | undefined): void {
  context.skip(missing !== undefined, missing);
}

/** Ends a client when the test is over, however it went. */
export function closing<Client extends ClientUnderTest>(client: Client): Client {
  onTestFinished(() => client.cut().catch(() => undefined));
  return client;
}
