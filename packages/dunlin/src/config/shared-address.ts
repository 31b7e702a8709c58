import type { ConfigIssue } from "./config-issue.ts";
import { formatPath } from "./config-path.ts";
import type { ListenerConfig } from "./listener-schema.ts";

/** Two listeners cannot have one address; the second of them is the one to change. */
export function checkAddresses(listeners: readonly ListenerConfig[]): readonly ConfigIssue[] {
  const taken = new Map<string, number>();
  const issues: ConfigIssue[] = [];
  for (const [index, listener] of listeners.entries()) {
    const address = addressOf(listener);
    if (address === undefined) continue;
    const first = taken.get(address);
    if (first === undefined) taken.set(address, index);
    else {
      const key = listener.type === "unix" ? "path" : "port";
      const text = `${address} is taken by ${formatPath(["listeners", first])} already; give it another one`;
      issues.push({ path: ["listeners", index, key], text });
    }
  }
  return issues;
}

/** Undefined where the system chooses: port 0 is another one each time. */
function addressOf(listener: ListenerConfig): string | undefined {
  if (listener.type === "unix") return listener.path;
  return listener.port === 0 ? undefined : `${listener.host}:${listener.port}`;
}
