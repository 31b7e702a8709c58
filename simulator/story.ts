import type { HistoryEvent } from "@dunlin/test-kit";
import type { Step } from "./scenario.ts";

/** One line that a reader understands. */
export function tellStep({ afterMs: _afterMs, does, ...step }: Step): string {
  const { client, ...rest } = step as { client?: string } & Record<string, unknown>;
  const details = Object.entries(rest)
    .filter(([name, value]) => name !== "seed" && value !== undefined && value !== false)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`);
  return `${client === undefined ? "" : `${client} `}${does}${details.length > 0 ? ` (${details.join(", ")})` : ""}`;
}

/** One line that a reader understands. */
export function tellEvent(event: HistoryEvent): string {
  switch (event.is) {
    case "clock":
      return `the clock shows ${new Date(event.nowMs).toISOString()}`;
    case "connecting": {
      const expiry = event.expirySeconds === 0xffffffff ? "for ever" : `${event.expirySeconds} s`;
      return `${event.client} > CONNECT${event.cleanStart ? " Clean Start" : ""}, session ${expiry}`;
    }
    case "connected":
      return `${event.client} < CONNACK${event.sessionPresent ? " Session Present" : ""}`;
    case "leaving":
      return `${event.client} > DISCONNECT`;
    case "closed":
      return `${event.client} is not connected any more`;
    case "subscribing":
      return `${event.client} > SUBSCRIBE ${event.topicFilter} QoS ${event.qos}`;
    case "subscribed":
      return `${event.client} < SUBACK ${event.topicFilter}`;
    case "unsubscribing":
      return `${event.client} > UNSUBSCRIBE ${event.topicFilter}`;
    case "unsubscribed":
      return `${event.client} < UNSUBACK ${event.topicFilter}`;
    case "published": {
      const what = event.will === true ? "will" : "PUBLISH";
      const flags = `${event.retain ? " RETAIN" : ""}${event.clears ? " empty" : ""}`;
      return `${event.client} > ${what} ${event.id} to ${event.topicName} QoS ${event.qos}${flags}`;
    }
    case "acknowledged":
      return `${event.client} < the broker has ${event.id}`;
    case "withdrawn":
      return `${event.client} has taken back ${event.id}`;
    case "received": {
      const identifier = event.packetIdentifier === undefined ? "" : ` #${event.packetIdentifier}`;
      const flags = `${event.dup ? " DUP" : ""}${event.retain ? " RETAIN" : ""}${event.repeated === true ? " (again)" : ""}`;
      return `${event.client} < ${event.id} of ${event.topicName} QoS ${event.qos}${identifier}${flags}`;
    }
    case "finished":
      return `${event.client} > done with #${event.packetIdentifier}`;
    case "killed":
      return "everyone's session is as the store has it";
    case "retained": {
      const messages = [...event.messages].map(([topicName, id]) => `${topicName}=${id}`);
      return `retained: ${messages.join(" ") || "nothing"}`;
    }
    case "settled":
      return "all is quiet";
  }
}
