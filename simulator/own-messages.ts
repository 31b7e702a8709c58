import type { PublishPacket, QoS } from "@dunlin/protocol";

/** A message as its publisher knows it. */
export interface OwnMessage {
  readonly id: string;
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly expirySeconds: number | undefined;
}

/** A payload that begins with the message's name; what follows can be told from the name and its length. */
export function payloadOf(id: string, bytes: number): Uint8Array {
  return Buffer.from(`${id} ${"x".repeat(bytes)}`);
}

/** The name in a payload; undefined where it is not as it was made. */
export function idOf({ payload }: PublishPacket): string | undefined {
  return /^([a-z0-9-]+) x*$/.exec(Buffer.from(payload).toString("latin1"))?.[1];
}
