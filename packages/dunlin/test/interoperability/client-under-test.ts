import type { QoS } from "@dunlin/protocol";
import type { Inbox } from "./inbox.ts";

export type MqttVersion = "3.1" | "3.1.1" | "5.0";

export interface Message {
  readonly topic: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
}

export interface OpenOptions {
  readonly url: string;
  readonly version: MqttVersion;
  readonly clientId: string;
  /** Clean Start 0 and a session that does not expire. */
  readonly persistent?: boolean;
  readonly will?: Message;
  /** Those of a session that is resumed are made again only by clients that cannot help it. */
  readonly subscriptions?: readonly { readonly topicFilter: string; readonly qos: QoS }[];
}

/** What every client library can do, in the words of none. */
export interface ClientUnderTest {
  readonly inbox: Inbox<Message>;
  /** Resolves when the broker has acknowledged it; with QoS 0 when it is on its way. */
  publish(message: Message): Promise<void>;
  /** Says DISCONNECT. */
  end(): Promise<void>;
  /** Breaks the connection without a word. */
  cut(): Promise<void>;
}

export type OpenClient = (options: OpenOptions) => Promise<ClientUnderTest>;
