import type { QoS } from "@dunlin/protocol";

/** What the checker needs to know of a subscription; more fields do no harm. */
export interface SubscriptionChange {
  readonly client: string;
  /** With its `$share/{ShareName}/`, where it has one. */
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  /** 0 or absent: none. */
  readonly subscriptionIdentifier?: number;
}

export interface Published {
  readonly is: "published";
  readonly client: string;
  /** Names the message among all of the history. */
  readonly id: string;
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Its payload is empty: it clears the retained message of its topic, and can be told from others by nobody. */
  readonly clears: boolean;
  /** It is a will, "published" with CONNECT and "acknowledged" when the broker owes it. */
  readonly will?: boolean;
  /** It has a Message Expiry Interval: it may arrive, and need not, and nothing is said of its place among others. */
  readonly mayExpire?: boolean;
}

export interface Received {
  readonly is: "received";
  readonly client: string;
  readonly id: string;
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Where it is given, identifiers and the order of redelivery are checked. */
  readonly packetIdentifier?: number | undefined;
  /** Where it is given, it is checked. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
  /** QoS 2: the client knew it by its Packet Identifier and dropped it. Need not be told without `packetIdentifier`. */
  readonly repeated?: boolean;
}

export interface Killed {
  readonly is: "killed";
  /**
   * What the store promises to have kept of what was acknowledged. Default "all". "some": it may be any earlier
   * state. "none": nothing is kept.
   */
  readonly survives?: "all" | "some" | "none";
}

/**
 * One moment, as a client sees it. Events stand in the order of time: what a client asks for before it is sent, what
 * a client is told after it has come.
 */
export type HistoryEvent =
  /** CONNECT is sent. `expirySeconds`: 0xFFFFFFFF or Infinity is for ever; before MQTT 5.0 so, or 0 for Clean Session. */
  | {
      readonly is: "connecting";
      readonly client: string;
      readonly cleanStart: boolean;
      readonly expirySeconds: number;
    }
  /** CONNACK with Reason Code 0. */
  | { readonly is: "connected"; readonly client: string; readonly sessionPresent: boolean }
  /** DISCONNECT is sent; `expirySeconds` is that of the session from now on. */
  | { readonly is: "leaving"; readonly client: string; readonly expirySeconds: number }
  /** The client's network connection has ended, or the client has given it up: before it connects again. */
  | { readonly is: "closed"; readonly client: string }
  | (SubscriptionChange & { readonly is: "subscribing" | "subscribed" })
  | {
      readonly is: "unsubscribing" | "unsubscribed";
      readonly client: string;
      readonly topicFilter: string;
    }
  /** PUBLISH is sent for the first time. */
  | Published
  /** PUBACK or PUBREC with a Reason Code below 0x80; a will: the broker owes it from now on. */
  | { readonly is: "acknowledged"; readonly client: string; readonly id: string }
  | Received
  /** The client sends PUBACK, PUBCOMP, or PUBREC that refuses: the identifier is the broker's to use again. */
  | { readonly is: "finished"; readonly client: string; readonly packetIdentifier: number }
  /** A will was taken back for certain: it must not arrive. */
  | { readonly is: "withdrawn"; readonly client: string; readonly id: string }
  /** All retained messages that there are: id by Topic Name. */
  | { readonly is: "retained"; readonly messages: ReadonlyMap<string, string> }
  | Killed
  /**
   * The time of day of the broker, told every few seconds: more than that between two is a jump. Without it, no time
   * passes as far as sessions expire.
   */
  | { readonly is: "clock"; readonly nowMs: number }
  /** All who are connected have received everything that waited for them. */
  | { readonly is: "settled" };

/** A promise that was not held. */
export interface Violation {
  readonly rule: ViolatedRule;
  readonly message: string;
  /** Of the event in the history that showed it. */
  readonly at: number;
}

export type ViolatedRule =
  | "invented message"
  | "lost message"
  | "lost shared message"
  | "QoS 2 message twice"
  | "messages out of order"
  | "redelivery out of order"
  | "redelivery without DUP"
  | "DUP on a first delivery"
  | "Packet Identifier in use"
  | "delivery without subscription"
  | "QoS not as granted"
  | "RETAIN not as asked"
  | "Subscription Identifiers not as asked"
  | "message of an earlier time"
  | "will taken back"
  | "lost session"
  | "session that should have ended"
  | "wrong retained message";
