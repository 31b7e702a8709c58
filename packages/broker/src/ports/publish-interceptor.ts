import type { PublishProperties, QoS, ReasonCode } from "@dunlin/protocol";
import type { ClientIdentity } from "./authenticator.ts";

export interface InterceptedMessage {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: PublishProperties;
}

export type InterceptionResult =
  | { readonly action: "pass" }
  /** Goes on with this message instead, at most with the QoS that it was published with. */
  | { readonly action: "replace"; readonly message: InterceptedMessage }
  /** Acknowledged with this Reason Code (0x80 or more); before MQTT 5.0 acknowledged and dropped. */
  | { readonly action: "reject"; readonly reasonCode: ReasonCode; readonly reasonString?: string | undefined }
  /** Acknowledged as if delivered. `reason` goes to the log. */
  | { readonly action: "drop"; readonly reason: string };

/** Sees every PUBLISH of clients (not what the embedding program publishes) before it is routed, in the order given in the options. */
export interface PublishInterceptor {
  intercept(
    message: InterceptedMessage,
    client: ClientIdentity,
  ): InterceptionResult | Promise<InterceptionResult>;
}
