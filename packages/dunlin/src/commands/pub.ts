import { readFile } from "node:fs/promises";
import { type PublishProperties, type QoS, topicNameProblem, type UserProperty } from "@dunlin/protocol";
import { describeReason, RefusedError } from "../client/client-error.ts";
import { connect } from "../client/connect.ts";
import type { MqttClient } from "../client/mqtt-client.ts";
import { CommandError, usageError } from "../command-line/command-error.ts";
import { connectionOptions, connectRequest, topicOfUrl } from "../command-line/connection-options.ts";
import { ExitCode } from "../command-line/exit-code.ts";
import type { CommandSpec, OptionSpecs, OptionValues } from "../command-line/option-spec.ts";
import { parseOptions } from "../command-line/parse-options.ts";
import { extractProperties, type PropertyArguments } from "../command-line/property-arguments.ts";
import { readLines } from "../messages/read-lines.ts";

const MESSAGE = "Message";
const PROPERTIES = "MQTT 5.0 properties of the message";

/** Messages of --stdin-line that may wait for their acknowledgement. */
const MAXIMUM_PENDING = 1000;

const options = {
  topic: { type: "text", short: "t", value: "TOPIC", group: MESSAGE, help: "Where to publish." },
  message: { type: "text", short: "m", value: "TEXT", group: MESSAGE, help: "The payload." },
  file: { type: "text", short: "f", value: "FILE", group: MESSAGE, help: "The payload is this file." },
  "stdin-line": {
    type: "flag",
    short: "l",
    group: MESSAGE,
    help: "One message for each line of the standard input.",
  },
  "stdin-file": {
    type: "flag",
    short: "s",
    group: MESSAGE,
    help: "The payload is the whole standard input.",
  },
  "null-message": {
    type: "flag",
    short: "n",
    group: MESSAGE,
    help: "An empty payload; with --retain it clears the retained message.",
  },
  qos: {
    type: "number",
    short: "q",
    value: "QOS",
    minimum: 0,
    maximum: 2,
    group: MESSAGE,
    help: "0, 1 or 2. Default: 0.",
  },
  retain: {
    type: "flag",
    short: "r",
    group: MESSAGE,
    help: "The broker keeps the message for later subscribers.",
  },
  repeat: {
    type: "number",
    value: "N",
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    group: MESSAGE,
    help: "Publish N times.",
  },
  "repeat-delay": {
    type: "number",
    value: "SECONDS",
    minimum: 0,
    maximum: 86_400,
    integer: false,
    group: MESSAGE,
    help: "Wait between repetitions.",
  },
  "user-property": {
    type: "text",
    value: "KEY=VALUE",
    multiple: true,
    group: PROPERTIES,
    help: "A User Property; may be repeated.",
  },
  "content-type": {
    type: "text",
    value: "TYPE",
    group: PROPERTIES,
    help: "Content Type, such as application/json.",
  },
  "response-topic": { type: "text", value: "TOPIC", group: PROPERTIES, help: "Where an answer goes." },
  "correlation-data": { type: "text", value: "TEXT", group: PROPERTIES, help: "What an answer refers to." },
  "message-expiry": {
    type: "number",
    value: "SECONDS",
    minimum: 0,
    maximum: 0xffffffff,
    group: PROPERTIES,
    help: "How long the message is of use.",
  },
  "payload-format": {
    type: "text",
    value: "FORMAT",
    choices: ["bytes", "utf8"],
    group: PROPERTIES,
    help: "bytes, or utf8: the payload is text.",
  },
  ...connectionOptions,
  quiet: { type: "flag", group: "Other", help: "No error messages; the exit code tells." },
  help: { type: "flag", group: "Other", help: "This text." },
} as const satisfies OptionSpecs;

export const spec = {
  name: "pub",
  summary: "Publishes messages to an MQTT broker.",
  usage: ["pub -t TOPIC {-m TEXT | -f FILE | -l | -s | -n} [options]"],
  options,
  examples: [
    { command: "dunlin pub -t demo/hello -m world", effect: "one message" },
    { command: "dunlin pub -t home/lamp -m on -q 1 -r", effect: "retained, acknowledged once stored" },
    { command: "dunlin pub -t home/lamp -n -r", effect: "clears the retained message" },
    { command: "tail -f app.log | dunlin pub -t logs/app -l -q 1", effect: "a message for each line" },
    {
      command: "dunlin pub -t jobs/1 -f job.json --content-type application/json --user-property origin=ci",
      effect: "a file with MQTT 5.0 properties",
    },
  ],
  exitCodes: ["Success", "Usage", "Refused", "Connection", "Internal"],
} as const satisfies CommandSpec;

type PubValues = OptionValues<typeof options>;

export async function run(args: readonly string[]): Promise<ExitCode> {
  const { rest, properties } = extractProperties(args, options);
  const values = parseOptions(spec, rest);
  const topicName = values.topic ?? topicOfUrl(values.url);
  if (topicName === undefined) throw usageError("where to? give --topic TOPIC (-t)");
  const problem = topicNameProblem(topicName);
  if (problem !== undefined) throw usageError(`--topic "${topicName}" ${problem}`);
  const payloads = await payloadSource(values);
  addMessageProperties(values, properties);
  const request = connectRequest(values, properties, "pub");

  const client = await connect(request);
  const interrupt = (): void => void client.disconnect();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    return await publishAll(client, payloads, {
      topicName,
      qos: (values.qos ?? 0) as QoS,
      retain: values.retain,
      properties: properties.of("PUBLISH"),
    });
  } finally {
    await client.disconnect(properties.of("DISCONNECT"));
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    process.stdin.destroy();
  }
}

interface MessageHeader {
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: PublishProperties;
}

/** Goes on after a message that is refused, and tells at the end. */
async function publishAll(
  client: MqttClient,
  payloads: AsyncIterable<Uint8Array>,
  header: MessageHeader,
): Promise<ExitCode> {
  const pending = new Set<Promise<void>>();
  const refusals: string[] = [];
  let failure: unknown;
  for await (const payload of payloads) {
    const publish = client
      .publish({ ...header, payload })
      .then(({ reasonCode, reasonString }) => {
        if (reasonCode >= 0x80)
          refusals.push(`refused: ${describeReason(reasonCode, "PUBACK", reasonString)}`);
      })
      .catch((error: unknown) => {
        if (error instanceof RefusedError) refusals.push(`refused: ${error.message}`);
        else failure ??= error;
      })
      .finally(() => pending.delete(publish));
    pending.add(publish);
    if (pending.size >= MAXIMUM_PENDING || header.qos === 0) await Promise.race(pending);
    if (failure !== undefined) throw failure;
  }
  await Promise.all(pending);
  if (failure !== undefined) throw failure;
  if (refusals.length > 0) throw new CommandError(ExitCode.Refused, [...new Set(refusals)]);
  return ExitCode.Success;
}

async function payloadSource(values: PubValues): Promise<AsyncIterable<Uint8Array>> {
  const given = [
    values.message !== undefined && "--message",
    values.file !== undefined && "--file",
    values["stdin-line"] && "--stdin-line",
    values["stdin-file"] && "--stdin-file",
    values["null-message"] && "--null-message",
  ].filter((name) => name !== false);
  if (given.length === 0)
    throw usageError("what? give one of --message, --file, --stdin-line, --stdin-file, --null-message");
  if (given.length > 1) throw usageError(`${given[0]} and ${given[1]} exclude each other`);
  if (values["stdin-line"]) {
    if (values.repeat !== undefined) throw usageError("--repeat does not go with --stdin-line");
    return readLines(process.stdin);
  }
  return repeat(await payloadOf(values), values.repeat ?? 1, (values["repeat-delay"] ?? 0) * 1000);
}

async function payloadOf(values: PubValues): Promise<Uint8Array> {
  if (values.message !== undefined) return Buffer.from(values.message);
  if (values["null-message"]) return Buffer.alloc(0);
  if (values.file === undefined) return readAll(process.stdin);
  try {
    return await readFile(values.file);
  } catch (error) {
    throw usageError(`--file: cannot read ${values.file}: ${(error as Error).message}`);
  }
}

async function readAll(input: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* repeat(
  payload: Uint8Array,
  times: number,
  delayMs: number,
): AsyncGenerator<Uint8Array, void, void> {
  for (let count = 0; count < times; count++) {
    if (count > 0 && delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    yield payload;
  }
}

function addMessageProperties(values: PubValues, properties: PropertyArguments): void {
  for (const pair of values["user-property"]) {
    const equals = pair.indexOf("=");
    if (equals < 0) throw usageError(`--user-property "${pair}" must be KEY=VALUE`);
    properties.addUserProperty("PUBLISH", [
      pair.slice(0, equals),
      pair.slice(equals + 1),
    ] satisfies UserProperty);
  }
  const correlationData = values["correlation-data"];
  const payloadFormat = values["payload-format"];
  properties.add("PUBLISH", {
    contentType: values["content-type"],
    responseTopic: values["response-topic"],
    correlationData: correlationData === undefined ? undefined : Buffer.from(correlationData),
    messageExpiryIntervalSeconds: values["message-expiry"],
    payloadFormatIndicator: payloadFormat === undefined ? undefined : payloadFormat === "utf8" ? 1 : 0,
  });
}
