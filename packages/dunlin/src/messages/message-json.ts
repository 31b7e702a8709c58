import type { PublishPacket } from "@dunlin/protocol";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that `bytes` are the UTF-8 of; undefined where they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One message as `--output json` prints it. Bytes that are not UTF-8 stand under a key that ends with "Base64". */
export function messageToJson(message: PublishPacket, receivedAt: Date): string {
  const { correlationData, ...properties } = message.properties;
  return JSON.stringify({
    topic: message.topicName,
    ...bytesAs("payload", message.payload),
    qos: message.qos,
    retain: message.retain,
    dup: message.dup,
    timestamp: receivedAt.toISOString(),
    properties: { ...properties, ...(correlationData && bytesAs("correlationData", correlationData)) },
  });
}

function bytesAs(key: string, bytes: Uint8Array): Record<string, string> {
  const text = textOf(bytes);
  return text === undefined ? { [`${key}Base64`]: Buffer.from(bytes).toString("base64") } : { [key]: text };
}
