import type { QoS } from "@dunlin/protocol";
import { describe, expect, it } from "vitest";
import type { HistoryEvent, Published, Received, ViolatedRule } from "./history.ts";
import { checkHistory } from "./history-checker.ts";

const forever = 0xffffffff;

function connect(client: string, sessionPresent = false, expirySeconds = forever): HistoryEvent[] {
  return [
    { is: "connecting", client, cleanStart: false, expirySeconds },
    { is: "connected", client, sessionPresent },
  ];
}

function subscribe(client: string, topicFilter = "t", qos: QoS = 2): HistoryEvent[] {
  return (["subscribing", "subscribed"] as const).map((is) => ({ is, client, topicFilter, qos }));
}

function unsubscribe(client: string): HistoryEvent[] {
  return (["unsubscribing", "unsubscribed"] as const).map((is) => ({ is, client, topicFilter: "t" }));
}

function publish(id: string, fields: Partial<Published> = {}): HistoryEvent {
  const message = { topicName: "t", qos: 1 as QoS, retain: false, clears: false };
  return { is: "published", client: "p", id, ...message, ...fields };
}

function acknowledge(...ids: string[]): HistoryEvent[] {
  return ids.map((id) => ({ is: "acknowledged", client: "p", id }));
}

function receive(id: string, fields: Partial<Received> = {}): HistoryEvent {
  const message = { topicName: "t", qos: 1 as QoS, retain: false, dup: false };
  return { is: "received", client: "s", id, ...message, ...fields };
}

function retained(...entries: [string, string][]): HistoryEvent {
  return { is: "retained", messages: new Map(entries) };
}

const closed: HistoryEvent = { is: "closed", client: "s" };
const killed: HistoryEvent = { is: "killed" };
const settled: HistoryEvent = { is: "settled" };
const subscriber = [...connect("s"), ...subscribe("s")];
const shared = ["s", "r"].flatMap((client) => [...connect(client), ...subscribe(client, "$share/g/t")]);
const identified: HistoryEvent[] = [
  ...connect("s"),
  { is: "subscribing", client: "s", topicFilter: "t", qos: 1, subscriptionIdentifier: 7 },
];
const noMessages = { is: "retained", messages: new Map() } as const;
const kept = { retain: true } as const;

const violations: [ViolatedRule, string, HistoryEvent[]][] = [
  ["invented message", "a message that nobody sent", [...subscriber, receive("a")]],
  ["invented message", "another topic", [...subscriber, publish("a"), receive("a", { topicName: "u" })]],
  ["invented message", "acknowledged unsent", acknowledge("a")],
  ["lost message", "never came", [...subscriber, publish("a"), ...acknowledge("a"), settled]],
  [
    "lost message",
    "never came after a crash",
    [...subscriber, publish("a"), ...acknowledge("a"), killed, ...connect("s", true), settled],
  ],
  [
    "lost message",
    "to a clean session that stayed",
    [...connect("s", false, 0), ...subscribe("s"), publish("a"), ...acknowledge("a"), settled],
  ],
  ["lost shared message", "came to no member", [...shared, publish("a"), ...acknowledge("a"), settled]],
  [
    "QoS 2 message twice",
    "after a crash",
    [
      ...subscriber,
      publish("a", { qos: 2 }),
      receive("a", { qos: 2 }),
      killed,
      ...connect("s", true),
      receive("a", { qos: 2, dup: true }),
    ],
  ],
  [
    "QoS 2 message twice",
    "to two members",
    [...shared, publish("a", { qos: 2 }), receive("a", { qos: 2 }), receive("a", { qos: 2, client: "r" })],
  ],
  ["messages out of order", "b, a", [...subscriber, publish("a"), publish("b"), receive("b"), receive("a")]],
  [
    "redelivery out of order",
    "b, a again",
    [
      ...subscriber,
      ...[publish("a"), publish("b")],
      ...[receive("a", { packetIdentifier: 1 }), receive("b", { packetIdentifier: 2 })],
      ...[closed, ...connect("s", true)],
      receive("b", { packetIdentifier: 2, dup: true }),
      receive("a", { packetIdentifier: 1, dup: true }),
    ],
  ],
  [
    "redelivery out of order",
    "again on the same connection",
    [
      ...[...subscriber, publish("a"), receive("a", { packetIdentifier: 1 })],
      receive("a", { packetIdentifier: 1, dup: true }),
    ],
  ],
  [
    "redelivery without DUP",
    "on another connection",
    [
      ...[...subscriber, publish("a"), receive("a", { packetIdentifier: 1 }), closed, ...connect("s", true)],
      receive("a", { packetIdentifier: 1 }),
    ],
  ],
  [
    "DUP on a first delivery",
    "with QoS 0",
    [...subscriber, publish("a", { qos: 0 }), receive("a", { qos: 0, dup: true })],
  ],
  [
    "Packet Identifier in use",
    "two messages",
    [
      ...[...subscriber, publish("a"), publish("b")],
      ...[receive("a", { packetIdentifier: 1 }), receive("b", { packetIdentifier: 1 })],
    ],
  ],
  ["delivery without subscription", "never subscribed", [...connect("s"), publish("a"), receive("a")]],
  [
    "delivery without subscription",
    "published after UNSUBACK",
    [...subscriber, ...unsubscribe("s"), publish("a"), receive("a")],
  ],
  [
    "delivery without subscription",
    "No Local",
    [
      ...connect("p"),
      { is: "subscribing", client: "p", topicFilter: "t", qos: 1, noLocal: true },
      publish("a"),
      receive("a", { client: "p" }),
    ],
  ],
  ["QoS not as granted", "more than asked", [...subscriber, publish("a"), receive("a", { qos: 2 })]],
  [
    "RETAIN not as asked",
    "as published",
    [
      ...connect("s"),
      { is: "subscribing", client: "s", topicFilter: "t", qos: 1, retainAsPublished: true },
      ...[publish("a", kept), receive("a")],
    ],
  ],
  [
    "Subscription Identifiers not as asked",
    "another one",
    [...identified, publish("a"), receive("a", { subscriptionIdentifiers: [8] })],
  ],
  [
    "Subscription Identifiers not as asked",
    "none",
    [...identified, publish("a"), receive("a", { subscriptionIdentifiers: [] })],
  ],
  [
    "message of an earlier time",
    "an old one",
    [publish("a"), ...acknowledge("a"), ...subscriber, receive("a")],
  ],
  [
    "will taken back",
    "after DISCONNECT",
    [...subscriber, publish("w", { will: true }), { is: "withdrawn", client: "p", id: "w" }, receive("w")],
  ],
  ["lost session", "by a crash", [...connect("s"), killed, ...connect("s", false)]],
  ["session that should have ended", "none was there", connect("s", true)],
  [
    "session that should have ended",
    "it had no expiry",
    [...connect("s", false, 0), closed, ...connect("s", true)],
  ],
  [
    "session that should have ended",
    "Clean Start",
    [
      ...[...connect("s"), closed],
      { is: "connecting", client: "s", cleanStart: true, expirySeconds: forever },
      { is: "connected", client: "s", sessionPresent: true },
    ],
  ],
  ["wrong retained message", "none", [publish("a", kept), ...acknowledge("a"), noMessages]],
  [
    "wrong retained message",
    "the one before",
    [publish("a", kept), ...acknowledge("a"), publish("b", kept), ...acknowledge("b"), retained(["t", "a"])],
  ],
  [
    "wrong retained message",
    "cleared",
    [
      ...[publish("a", kept), ...acknowledge("a"), publish("b", { ...kept, clears: true })],
      ...[...acknowledge("b"), retained(["t", "a"])],
    ],
  ],
  ["wrong retained message", "on an unknown topic", [retained(["t", "a"])]],
  [
    "wrong retained message",
    "an old one for a new subscription",
    [
      ...[publish("a", kept), ...acknowledge("a"), publish("b", kept), ...acknowledge("b"), ...subscriber],
      receive("a", { retain: true }),
    ],
  ],
];

const sound: [string, HistoryEvent[]][] = [
  ["delivered", [...subscriber, publish("a"), ...acknowledge("a"), receive("a"), settled]],
  [
    "delivered before it is acknowledged",
    [...subscriber, publish("a"), receive("a"), ...acknowledge("a"), settled],
  ],
  [
    "what its publisher sends again comes behind what a later subscription brought",
    [publish("a"), publish("b"), ...subscriber, receive("b"), receive("a"), receive("b")],
  ],
  ["never acknowledged", [...subscriber, publish("a"), killed, ...connect("s", true), settled]],
  ["who is away waits", [...subscriber, closed, publish("a"), ...acknowledge("a"), settled]],
  ["QoS 0 may be lost", [...subscriber, publish("a", { qos: 0 }), settled]],
  ["what may expire", [...subscriber, publish("a", { mayExpire: true }), ...acknowledge("a"), settled]],
  [
    "unsubscribed for a while",
    [...subscriber, publish("a"), ...unsubscribe("s"), ...subscribe("s"), ...acknowledge("a"), settled],
  ],
  [
    "QoS 1 again, in order",
    [
      ...[...subscriber, publish("a"), publish("b")],
      ...[receive("a", { packetIdentifier: 1 }), receive("b", { packetIdentifier: 2 })],
      ...[closed, ...connect("s", true)],
      receive("a", { packetIdentifier: 1, dup: true }),
      receive("b", { packetIdentifier: 2, dup: true }),
    ],
  ],
  [
    "a Packet Identifier that is free again",
    [
      ...[...subscriber, publish("a"), publish("b"), receive("a", { packetIdentifier: 1 })],
      { is: "finished", client: "s", packetIdentifier: 1 },
      receive("b", { packetIdentifier: 1 }),
    ],
  ],
  [
    "UNSUBSCRIBE and SUBSCRIBE on their way together",
    [
      ...subscriber,
      { is: "unsubscribing", client: "s", topicFilter: "t" },
      { is: "subscribing", client: "s", topicFilter: "t", qos: 1 },
      publish("a"),
      { is: "unsubscribed", client: "s", topicFilter: "t" },
      { is: "subscribed", client: "s", topicFilter: "t", qos: 1 },
      ...[publish("b"), ...acknowledge("a", "b"), receive("b"), settled],
    ],
  ],
  [
    "the Subscription Identifier that was asked for",
    [...identified, publish("a"), receive("a", { subscriptionIdentifiers: [7] })],
  ],
  ["one member", [...shared, publish("a"), ...acknowledge("a"), receive("a", { client: "r" }), settled]],
  [
    "a member that has gone, and its messages with it",
    [
      ...[...shared, publish("a"), ...acknowledge("a")],
      { is: "connecting", client: "r", cleanStart: true, expirySeconds: 0 },
      { is: "connected", client: "r", sessionPresent: false },
      settled,
    ],
  ],
  [
    "a session that ended by its age",
    [
      ...[...connect("s", false, 60), { is: "clock", nowMs: 1000 } as const, closed],
      ...Array.from({ length: 7 }, (_, index) => ({ is: "clock", nowMs: (index + 1) * 10_000 }) as const),
      ...connect("s", false, 60),
    ],
  ],
  [
    "nothing survives memory",
    [
      ...[...subscriber, publish("a"), ...acknowledge("a")],
      { is: "killed", survives: "none" },
      ...[...connect("s", false), settled, noMessages],
    ],
  ],
  [
    "an earlier state",
    [
      ...[publish("a", kept), ...acknowledge("a"), publish("b", kept), ...acknowledge("b"), ...connect("s")],
      { is: "killed", survives: "some" },
      ...[retained(["t", "a"]), ...connect("s", false)],
    ],
  ],
  [
    "a subscription of an earlier state",
    [
      ...[...subscriber, ...unsubscribe("s")],
      { is: "killed", survives: "some" },
      ...[...connect("s", true), publish("a"), receive("a")],
    ],
  ],
  ["one of two that nobody has acknowledged", [publish("a", kept), publish("b", kept), retained(["t", "a"])]],
  [
    "a CONNECT with Clean Start that nobody answered",
    [
      ...[...subscriber, publish("a"), ...acknowledge("a"), closed],
      { is: "connecting", client: "s", cleanStart: true, expirySeconds: forever },
      ...[closed, ...connect("s", true), settled],
    ],
  ],
];

describe("a history that holds every promise", () => {
  it.each(sound)("%s", (_title, history) => {
    expect(checkHistory(history)).toEqual([]);
  });
});

describe("a violation", () => {
  it.each(violations)("%s: %s", (rule, _title, history) => {
    expect(checkHistory(history).map((violation) => violation.rule)).toEqual([rule]);
  });
});
