import type { Durability } from "@dunlin/broker";
import type { QoS } from "@dunlin/protocol";

export interface ClientPlan {
  readonly clientId: string;
  readonly version: 4 | 5;
  /** For choices that are its own, so that they stay the same where others are left out. */
  readonly seed: number;
}

export interface WillPlan {
  readonly qos: QoS;
  readonly retain: boolean;
  readonly delaySeconds: number;
}

/** What happens, and how long after the step before. */
export type Step = { readonly afterMs: number } & (
  | {
      readonly does: "connect";
      readonly client: string;
      readonly cleanStart: boolean;
      readonly expirySeconds: number;
      readonly keepAliveSeconds: number;
      readonly receiveMaximum: number;
      readonly topicAliasMaximum: number;
      readonly will: WillPlan | undefined;
      /** How it answers: at once, after a while, or when told to. */
      readonly pace: "prompt" | "late" | "when told";
      readonly delayMs: number;
      readonly pieceBytes: number;
      readonly windowBytes: number;
      readonly seed: number;
    }
  | {
      readonly does: "disconnect";
      readonly client: string;
      readonly withWill: boolean;
      /** The session ends now (MQTT 5.0). */
      readonly endsSession: boolean;
    }
  | { readonly does: "cut" | "half-open" | "answer"; readonly client: string }
  | { readonly does: "hold"; readonly client: string; readonly forMs: number }
  | {
      readonly does: "subscribe";
      readonly client: string;
      readonly topicFilter: string;
      readonly qos: QoS;
      readonly noLocal: boolean;
      readonly retainAsPublished: boolean;
      readonly retainHandling: 0 | 1 | 2;
      /** 0: none. */
      readonly subscriptionIdentifier: number;
    }
  | { readonly does: "unsubscribe"; readonly client: string; readonly topicFilter: string }
  | {
      readonly does: "publish";
      readonly client: string;
      readonly topicName: string;
      readonly qos: QoS;
      readonly retain: boolean;
      readonly clears: boolean;
      readonly expirySeconds: number | undefined;
      readonly count: number;
      readonly bytes: number;
    }
  | {
      readonly does: "crash";
      readonly what: "kill" | "power";
      /** Undefined: at once; else at the nth such point of the store from now on. */
      readonly at: "before write" | "after write" | "before acknowledgement" | undefined;
      readonly nth: number;
      readonly downMs: number;
    }
  | { readonly does: "restart"; readonly downMs: number }
  | { readonly does: "store fails"; readonly forMs: number }
  | { readonly does: "clock jumps"; readonly byMs: number }
  | { readonly does: "wait" }
);

export interface Scenario {
  readonly seed: number;
  readonly durability: Durability;
  /** Longest time of each step of a write. */
  readonly storeDelayMs: number;
  readonly maximumInflight: number;
  readonly receiveMaximum: number;
  /** Bytes that wait to be stored, beyond which publishers are not read from. */
  readonly maximumPendingCommitBytes: number;
  readonly clients: readonly ClientPlan[];
  readonly steps: readonly Step[];
}
