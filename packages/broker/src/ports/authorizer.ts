import type { QoS } from "@dunlin/protocol";
import type { ClientIdentity } from "./authenticator.ts";

export interface AuthorizationRequest {
  readonly client: ClientIdentity;
  readonly action: "publish" | "subscribe";
  /** A Topic Name to publish to, or the Topic Filter to subscribe to (without `$share/{ShareName}/`). */
  readonly topic: string;
  readonly shareName?: string | undefined;
  readonly qos: QoS;
  readonly retain: boolean;
}

/**
 * Decides what a connected client may do. True or false, at once where possible: a promise makes the broker
 * stop reading from that client until it settles. Throwing or rejecting denies.
 */
export interface Authorizer {
  authorize(request: AuthorizationRequest): boolean | Promise<boolean>;
}
