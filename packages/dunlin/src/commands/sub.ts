import { once } from "node:events";
import {
  matchTopic,
  type PublishPacket,
  type QoS,
  type RetainHandling,
  type SubscribeProperties,
  topicFilterProblem,
} from "@dunlin/protocol";
import { describeReason } from "../client/client-error.ts";
import { connect } from "../client/connect.ts";
import type { MqttClient } from "../client/mqtt-client.ts";
import { CommandError, usageError } from "../command-line/command-error.ts";
import { connectionOptions, connectRequest, topicOfUrl } from "../command-line/connection-options.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import type { CommandSpec, OptionSpecs, OptionValues } from "../command-line/option-spec.ts";
import { parseOptions } from "../command-line/parse-options.ts";
import { extractProperties, type PropertyArguments } from "../command-line/property-arguments.ts";
import { createPrinter } from "../messages/message-printer.ts";

const SUBSCRIPTION = "Subscription";
const SELECTION = "Which messages";
const OUTPUT = "Output";

const retainHandlings: Readonly<Record<string, RetainHandling>> = { always: 0, new: 1, never: 2 };

const options = {
  topic: {
    type: "text",
    short: "t",
    value: "FILTER",
    multiple: true,
    group: SUBSCRIPTION,
    help: "Topic filter to subscribe to; may be repeated.",
  },
  qos: {
    type: "number",
    short: "q",
    value: "QOS",
    minimum: 0,
    maximum: 2,
    group: SUBSCRIPTION,
    help: "The highest QoS to receive with. Default: 0.",
  },
  unsubscribe: {
    type: "text",
    short: "U",
    value: "FILTER",
    multiple: true,
    group: SUBSCRIPTION,
    help: "Unsubscribe from it first; may be repeated.",
  },
  "no-local": {
    type: "flag",
    group: SUBSCRIPTION,
    help: "Nothing that this client publishes itself (MQTT 5.0).",
  },
  "retain-as-published": {
    type: "flag",
    group: SUBSCRIPTION,
    help: "Keep the retain flag as the publisher set it (MQTT 5.0).",
  },
  "retain-handling": {
    type: "text",
    value: "WHEN",
    choices: Object.keys(retainHandlings),
    group: SUBSCRIPTION,
    help: "Retained messages at subscribing: always, new (only if not subscribed before) or never (MQTT 5.0).",
  },
  "subscription-identifier": {
    type: "number",
    value: "N",
    minimum: 1,
    maximum: 268_435_455,
    group: SUBSCRIPTION,
    help: "Comes back with each message (MQTT 5.0).",
  },
  "exit-after-subscribe": {
    type: "flag",
    short: "E",
    group: SUBSCRIPTION,
    help: "End once the subscriptions are acknowledged; with -c they stay.",
  },
  "filter-out": {
    type: "text",
    short: "T",
    value: "FILTER",
    multiple: true,
    group: SELECTION,
    help: "Do not print messages of these topics; may be repeated.",
  },
  count: {
    type: "number",
    short: "C",
    value: "N",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    group: SELECTION,
    help: "End after N messages.",
  },
  timeout: {
    type: "number",
    short: "W",
    value: "SECONDS",
    minimum: 0.001,
    maximum: 2_000_000,
    integer: false,
    group: SELECTION,
    help: `End after this time, with exit code ${ExitCode.Timeout}.`,
  },
  "retained-only": {
    type: "flag",
    group: SELECTION,
    help: "Only retained messages; end at the first that is not.",
  },
  "skip-retained": { type: "flag", short: "R", group: SELECTION, help: "No retained messages." },
  "remove-retained": {
    type: "flag",
    group: SELECTION,
    help: "Clear each retained message that is received.",
  },
  verbose: { type: "flag", short: "v", group: OUTPUT, help: "The topic before each payload." },
  output: {
    type: "text",
    value: "FORM",
    choices: ["text", "json", "hex"],
    group: OUTPUT,
    help: "text (the payload as it is), json (a line for each message) or hex. Default: text.",
  },
  format: {
    type: "text",
    short: "F",
    value: "FORMAT",
    group: OUTPUT,
    help: "As in mosquitto_sub: %t topic, %p payload, %x %X payload as hex, %q QoS, %r retain, %l length, %I %U time, %j %J JSON, %P user properties ...",
  },
  "no-newline": { type: "flag", short: "N", group: OUTPUT, help: "No line end after each message." },
  ...connectionOptions,
  quiet: { type: "flag", group: "Other", help: "No error messages; the exit code tells." },
  help: { type: "flag", group: "Other", help: "This text." },
} as const satisfies OptionSpecs;

export const spec = {
  name: "sub",
  summary: "Subscribes to topics of an MQTT broker and prints what arrives.",
  usage: ["sub -t FILTER [-t FILTER ...] [options]"],
  options,
  examples: [
    { command: "dunlin sub -t 'demo/#' -v", effect: "everything below demo, with topics" },
    {
      command: "dunlin sub -t sensors/+/temperature -C 1 -W 5",
      effect: "one message, or exit code 27 after 5 s",
    },
    {
      command: "dunlin sub -t 'home/#' --retained-only --output json",
      effect: "the retained state, as JSON lines",
    },
    { command: "dunlin sub -t '$SYS/broker/clients/#' -F '%t %p'", effect: "counters of the broker" },
    { command: "dunlin sub -t orders -q 1 -c -i worker", effect: "what came while away, too" },
  ],
  notes: [
    "JSON lines have topic, payload (payloadBase64 where it is not UTF-8), qos, retain, dup, timestamp and properties.",
  ],
  exitCodes: ["Success", "Usage", "Refused", "Connection", "Timeout", "Internal"],
} as const satisfies CommandSpec;

type SubValues = OptionValues<typeof options>;

export async function run(args: readonly string[]): Promise<ExitCode> {
  const { rest, properties } = extractProperties(args, options);
  const values = parseOptions(spec, rest);
  const filters = topicFilters(values);
  const print = createPrinter({
    output: values.output ?? "text",
    format: values.format,
    isVerbose: values.verbose,
    endOfLine: values["no-newline"] ? "" : "\n",
  });
  const request = connectRequest(values, properties, "sub");
  if (request.packet.protocolVersion < 5) refuseMqtt5Options(values);

  const ending = new AbortController();
  const timer = startTimer(values.timeout, ending);
  const end = (): void => ending.abort(ExitCode.Success);
  process.once("SIGINT", end).once("SIGTERM", end);
  // Whoever read our output has gone: `| head` has seen enough.
  process.stdout.on("error", end);
  try {
    const client = await connect(request, ending.signal);
    // Whatever is waited for then fails at once.
    ending.signal.addEventListener("abort", () => void client.disconnect());
    try {
      await subscribe(client, filters, values, properties);
      if (!values["exit-after-subscribe"]) await printMessages(client, values, print, ending.signal);
    } finally {
      await client.disconnect(properties.of("DISCONNECT"));
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  return ending.signal.aborted ? (ending.signal.reason as ExitCode) : ExitCode.Success;
}

function startTimer(seconds: number | undefined, ending: AbortController): NodeJS.Timeout | undefined {
  if (seconds === undefined) return undefined;
  return setTimeout(() => ending.abort(ExitCode.Timeout), seconds * 1000);
}

function topicFilters(values: SubValues): readonly string[] {
  const fromUrl = topicOfUrl(values.url);
  const filters = fromUrl === undefined ? values.topic : [fromUrl, ...values.topic];
  if (filters.length === 0 && values.unsubscribe.length === 0)
    throw usageError("to what? give --topic FILTER (-t)");
  const check = (option: string, filter: string): void => {
    const problem = topicFilterProblem(filter);
    if (problem !== undefined) throw usageError(`${option} "${filter}" ${problem}`);
  };
  for (const filter of filters) check("--topic", filter);
  for (const filter of values.unsubscribe) check("--unsubscribe", filter);
  for (const filter of values["filter-out"]) check("--filter-out", filter);
  return filters;
}

function refuseMqtt5Options(values: SubValues): void {
  const names = ["no-local", "retain-as-published", "retain-handling", "subscription-identifier"] as const;
  const given = names.find((name) => values[name] !== undefined && values[name] !== false);
  if (given !== undefined) throw usageError(`--${given} needs MQTT 5.0`);
}

async function subscribe(
  client: MqttClient,
  filters: readonly string[],
  values: SubValues,
  properties: PropertyArguments,
): Promise<void> {
  if (values.unsubscribe.length > 0) {
    const { reasonCodes } = await client.unsubscribe(values.unsubscribe, properties.of("UNSUBSCRIBE"));
    throwRefused(reasonCodes, values.unsubscribe, "UNSUBACK");
  }
  if (filters.length === 0) return;
  const subscriptions = filters.map((topicFilter) => ({
    topicFilter,
    qos: (values.qos ?? 0) as QoS,
    noLocal: values["no-local"],
    retainAsPublished: values["retain-as-published"],
    retainHandling: retainHandlings[values["retain-handling"] ?? "always"]!,
  }));
  const subscriptionIdentifier = values["subscription-identifier"];
  const subscribeProperties: SubscribeProperties = {
    ...properties.of("SUBSCRIBE"),
    ...(subscriptionIdentifier !== undefined && { subscriptionIdentifier }),
  };
  const suback = await client.subscribe(subscriptions, subscribeProperties);
  throwRefused(suback.reasonCodes, filters, "SUBACK", suback.properties.reasonString);
}

function throwRefused(
  reasonCodes: readonly number[],
  filters: readonly string[],
  packet: "SUBACK" | "UNSUBACK",
  reasonString?: string,
): void {
  const lines = filters.flatMap((filter, index) => {
    const code = reasonCodes[index] ?? 0;
    return code < 0x80 ? [] : [`${filter}: ${describeReason(code, packet, reasonString)}`];
  });
  if (lines.length > 0) throw new CommandError(ExitCode.Refused, lines);
}

async function printMessages(
  client: MqttClient,
  values: SubValues,
  print: (message: PublishPacket, receivedAt: Date) => Buffer,
  signal: AbortSignal,
): Promise<void> {
  let printed = 0;
  for await (const message of client.messages(signal)) {
    if (values["filter-out"].some((filter) => matchTopic(filter, message.topicName))) continue;
    if (values["retained-only"] && !message.retain) return;
    if (values["remove-retained"] && message.retain) await clearRetained(client, message);
    if (values["skip-retained"] && message.retain) continue;
    await write(print(message, new Date()), signal);
    printed += 1;
    if (printed === values.count) return;
  }
}

async function clearRetained(client: MqttClient, { topicName }: PublishPacket): Promise<void> {
  await client.publish({ topicName, payload: Buffer.alloc(0), qos: 0, retain: true, properties: {} });
}

async function write(bytes: Buffer, signal: AbortSignal): Promise<void> {
  if (!process.stdout.write(bytes) && !signal.aborted) {
    await once(process.stdout, "drain", { signal }).catch(() => undefined);
  }
}
