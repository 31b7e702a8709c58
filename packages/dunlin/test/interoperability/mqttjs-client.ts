import { readFileSync } from "node:fs";
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient } from "mqtt";
import type { ClientUnderTest, Message, MqttVersion, OpenOptions } from "./client-under-test.ts";
import { Inbox } from "./inbox.ts";

const versionOptions: Record<MqttVersion, IClientOptions> = {
  "3.1": { protocolVersion: 3, protocolId: "MQIsdp" },
  "3.1.1": { protocolVersion: 4 },
  "5.0": { protocolVersion: 5 },
};

export interface MqttJsMessage extends Message {
  readonly properties: NonNullable<IPublishPacket["properties"]>;
  readonly dup: boolean;
}

/** A connected MQTT.js client; it does not connect again by itself. */
export class MqttJsClient implements ClientUnderTest {
  readonly client: MqttClient;
  readonly connack: IConnackPacket;
  readonly inbox: Inbox<MqttJsMessage>;

  constructor(client: MqttClient, connack: IConnackPacket, inbox: Inbox<MqttJsMessage>) {
    this.client = client;
    this.connack = connack;
    this.inbox = inbox;
  }

  async publish({ topic, payload, qos, retain }: Message): Promise<void> {
    await this.client.publishAsync(topic, payload, { qos, retain });
  }

  async end(): Promise<void> {
    await this.client.endAsync();
  }

  async cut(): Promise<void> {
    if (!this.client.connected) return;
    const closed = new Promise<void>((resolve) => this.client.once("close", resolve));
    this.client.stream.destroy();
    await closed;
    await this.client.endAsync(true);
  }
}

/** Rejects where the broker refuses. What the client receives goes to `inbox`. */
export async function connectMqttJs(
  url: string,
  version: MqttVersion,
  options: IClientOptions = {},
  inbox: Inbox<MqttJsMessage> = new Inbox(),
): Promise<MqttJsClient> {
  const client = mqtt.connect(url, { ...versionOptions[version], reconnectPeriod: 0, ...options });
  // At once: what a session holds comes right behind the CONNACK.
  client.on("message", (topic, payload, { qos, retain, dup, properties = {} }) => {
    inbox.push({ topic, payload: payload.toString(), qos, retain, dup, properties });
  });
  const connack = await new Promise<IConnackPacket>((resolve, reject) => {
    client.on("connect", resolve);
    // For as long as the client lives: an error that nobody hears would end the process.
    client.on("error", reject);
    client.on("close", () => reject(new Error("the broker closed the connection")));
  });
  return new MqttJsClient(client, connack, inbox);
}

/** What opens MQTT.js clients that trust the authority of `caFile`. */
export function mqttJsOpener(caFile: string): (options: OpenOptions) => Promise<MqttJsClient> {
  return async ({ url, version, clientId, persistent = false, will, subscriptions = [] }) => {
    const connected = await connectMqttJs(url, version, {
      clientId,
      clean: !persistent,
      ...(persistent && version === "5.0" && { properties: { sessionExpiryInterval: 0xffffffff } }),
      ...(will !== undefined && { will: { ...will, payload: Buffer.from(will.payload) } }),
      ...(/^(mqtts|wss):/.test(url) && { ca: readFileSync(caFile) }),
    });
    if (connected.connack.sessionPresent) return connected;
    for (const { topicFilter, qos } of subscriptions) {
      await connected.client.subscribeAsync(topicFilter, { qos });
    }
    return connected;
  };
}
