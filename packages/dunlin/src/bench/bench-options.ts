import { connectionOptions } from "../command-line/connection-options.ts";
import type { CommandSpec, OptionSpecs, OptionValues } from "../command-line/option-spec.ts";
import { PAYLOAD_HEADER_BYTES } from "./payload.ts";

const CLIENTS = "Clients";
const TRAFFIC = "Traffic";
const LENGTH = "Length of the run";
const OUTPUT = "Output";

const CLIENTS_MAXIMUM = 1_000_000;

function number<Group extends string>(
  group: Group,
  value: string,
  minimum: number,
  maximum: number,
  help: string,
) {
  return { type: "number", value, minimum, maximum, group, help } as const;
}

const {
  host,
  port,
  url,
  unix,
  ws,
  username,
  pw,
  "protocol-version": protocolVersion,
  keepalive,
  property,
  cafile,
  cert,
  key,
  tls,
  insecure,
} = connectionOptions;

export const benchOptions = {
  clients: {
    ...number(
      CLIENTS,
      "N",
      1,
      CLIENTS_MAXIMUM,
      "connect, pub, sub: clients. Default: 100, with connect 1000.",
    ),
    short: "c",
  },
  pairs: number(
    CLIENTS,
    "N",
    1,
    CLIENTS_MAXIMUM,
    "pairs, latency: publishers with a subscriber each. Default: 100; latency 50.",
  ),
  publishers: number(CLIENTS, "N", 1, CLIENTS_MAXIMUM, "fan-in, fan-out, filters. Default: 100, 1, 50."),
  subscribers: number(CLIENTS, "N", 1, CLIENTS_MAXIMUM, "fan-in, fan-out, filters. Default: 1, 100, 100."),
  filters: number(
    CLIENTS,
    "N",
    1,
    10_000,
    "filters: Topic Filters of each subscriber, 30 % with wildcards. Default: 100.",
  ),
  subscribe: { type: "flag", group: CLIENTS, help: "connect: each client subscribes to a topic of its own." },
  ramp: number(
    CLIENTS,
    "N",
    1,
    CLIENTS_MAXIMUM,
    "Connects per second. Default: as fast as the broker takes them.",
  ),
  concurrency: number(CLIENTS, "N", 1, 10_000, "Connects at once. Default: 200."),
  workers: {
    ...number(CLIENTS, "N", 1, 64, "Threads that share the clients. Default: 1, which keeps one core busy."),
    short: "w",
  },
  persistent: {
    type: "flag",
    group: CLIENTS,
    help: "Sessions that outlive their connection; removed at the end.",
  },
  offline: {
    type: "flag",
    group: CLIENTS,
    help: "As --persistent; subscribers are away while messages are published, and then collect them.",
  },
  qos: { ...number(TRAFFIC, "QOS", 0, 2, "QoS of the messages. Default: 0."), short: "q" },
  "subscribe-qos": number(TRAFFIC, "QOS", 0, 2, "QoS of the subscriptions. Default: that of the messages."),
  size: {
    ...number(TRAFFIC, "BYTES", PAYLOAD_HEADER_BYTES, 268_000_000, "Size of a payload. Default: 64."),
    short: "s",
  },
  topic: {
    type: "text",
    short: "t",
    value: "TOPIC",
    group: TRAFFIC,
    help: "pub, sub: topic or filter, %i being the client's number; default bench/%i and bench/#. Else what all topics begin with; default bench.",
  },
  topics: number(TRAFFIC, "N", 1, 10_000, "pairs, fan-in: topics of each publisher. Default: 1."),
  retain: { type: "flag", group: TRAFFIC, help: "Retain the messages." },
  rate: {
    ...number(
      TRAFFIC,
      "N",
      1,
      100_000_000,
      "Messages per second in all, by schedule. Default: as fast as the broker takes them; latency 1000.",
    ),
    short: "r",
  },
  window: number(
    TRAFFIC,
    "N",
    1,
    65_535,
    "QoS 1 and 2: messages of a publisher without acknowledgement. Default: 20.",
  ),
  "in-flight": number(
    TRAFFIC,
    "N",
    0,
    1_000_000,
    "Messages of a publisher that are not yet delivered, so that no queue grows; 0: no limit. Default: the window, with QoS 1 and 2 twice as many.",
  ),
  batch: number(TRAFFIC, "N", 1, 10_000, "Packets in one write; 1: as many small devices send. Default: 64."),
  duration: {
    ...number(
      LENGTH,
      "SECONDS",
      0,
      604_800,
      "Measured time; with connect, how long connections are held. Default: 10, with connect 2.",
    ),
    integer: false,
    short: "d",
  },
  warmup: {
    ...number(LENGTH, "SECONDS", 0, 3600, "Time before it that is not measured. Default: 1."),
    integer: false,
  },
  count: {
    ...number(LENGTH, "N", 1, 1_000_000_000_000, "Messages in all, instead of a duration."),
    short: "n",
  },
  json: {
    type: "text",
    value: "FILE",
    group: OUTPUT,
    help: "The result as JSON; -: to the standard output.",
  },
  plot: {
    type: "text",
    value: "FILE",
    group: OUTPUT,
    help: "Rate over time and latency as .svg or .html, in one file.",
  },
  pid: {
    ...number(
      OUTPUT,
      "PID",
      1,
      4_194_304,
      "The broker's process: also tells its processor time and memory (Linux).",
    ),
    multiple: true,
  },
  host: { ...host, group: "Connection" },
  port,
  url,
  unix,
  ws,
  username,
  pw,
  "protocol-version": protocolVersion,
  keepalive,
  property,
  cafile,
  cert,
  key,
  tls,
  insecure,
  quiet: { type: "flag", group: OUTPUT, help: "No progress, no summary." },
  help: { type: "flag", group: OUTPUT, help: "This text." },
} as const satisfies OptionSpecs;

export type BenchValues = OptionValues<typeof benchOptions>;

export const benchSpec = {
  name: "bench",
  summary: "Puts load on an MQTT broker and checks what it delivers.",
  usage: [
    "bench connect   [options]   connections, opened and held",
    "bench pub       [options]   publishers only",
    "bench sub       [options]   subscribers only",
    "bench pairs     [options]   publishers with a subscriber each",
    "bench fan-in    [options]   many publishers, few subscribers",
    "bench fan-out   [options]   few publishers, many subscribers",
    "bench filters   [options]   many Topic Filters, some with wildcards",
    "bench latency   [options]   pairs by schedule: how long a message takes",
  ],
  options: benchOptions,
  examples: [
    { command: "dunlin bench pairs -q 1", effect: "100 pairs, QoS 1, as fast as it goes" },
    {
      command: "dunlin bench connect -c 10000 --ramp 1000",
      effect: "10,000 connections, 1,000 more each second",
    },
    {
      command: "dunlin bench latency -q 1 --rate 10000 --plot latency.html",
      effect: "latency at 10,000 messages per second, drawn",
    },
    {
      command: "dunlin bench fan-in --publishers 1000 --batch 1 --window 1",
      effect: "devices: one packet in a write",
    },
    {
      command: "dunlin bench pub -c 10 -t site/%i -r 100 & dunlin bench sub -c 5 -t site/#",
      effect: "in two processes",
    },
  ],
  notes: [
    "Every message carries the run, its publisher, a sequence number and a time, so loss, duplicates and wrong order are noticed. A broken promise (QoS 1 or 2 lost, QoS 2 doubled, out of order, a connection closed) gives exit code 1.",
    "By schedule (--rate) the time of a message is the one at which it was due, so a broker that holds the publisher up does not hide it. Mode latency watches the clock instead of sleeping and takes a core of its own.",
    "Without --rate a publisher waits for what is under way (--window, --in-flight): the result is what the broker can deliver, not what it can queue.",
  ],
  exitCodes: ["Success", "Failure", "Usage", "Refused", "Connection", "Internal"],
} as const satisfies CommandSpec;
