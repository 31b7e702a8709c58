import type { ConnectPacket, ProtocolVersion, ReasonCode, UserProperty } from "@dunlin/protocol";
import type { StreamOrigin } from "./byte-stream.ts";

/** Who a client is, once it may connect. */
export interface ClientIdentity {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  readonly origin: StreamOrigin;
  readonly listenerName: string;
}

export interface AuthenticationRequest {
  readonly connect: ConnectPacket;
  /** As sent, or as assigned where the client sent none. */
  readonly clientId: string;
  readonly origin: StreamOrigin;
  readonly listenerName: string;
}

export type AuthenticationResult =
  | { readonly accepted: true; readonly userName?: string | undefined }
  | {
      readonly accepted: false;
      /** A CONNACK Reason Code of 0x80 or more; translated for MQTT 3. */
      readonly reasonCode: ReasonCode;
      readonly reasonString?: string | undefined;
      readonly userProperties?: readonly UserProperty[] | undefined;
      /** With 0x9C (Use another server) and 0x9D (Server moved). */
      readonly serverReference?: string | undefined;
    };

/** Decides who may connect. Rejecting or throwing refuses the client with 0x88 (Server unavailable). */
export interface Authenticator {
  authenticate(request: AuthenticationRequest): AuthenticationResult | Promise<AuthenticationResult>;
}

export type AuthenticationStep =
  | { readonly outcome: "continue"; readonly data?: Uint8Array | undefined }
  | {
      readonly outcome: "accepted";
      readonly data?: Uint8Array | undefined;
      readonly userName?: string | undefined;
    }
  | {
      readonly outcome: "refused";
      readonly reasonCode: ReasonCode;
      readonly reasonString?: string | undefined;
    };

/** One run of an authentication method for one client; again from the start at each re-authentication. */
export interface AuthenticationExchange {
  /** `data` is the Authentication Data of CONNECT or AUTH. */
  step(data: Uint8Array | undefined): AuthenticationStep | Promise<AuthenticationStep>;
}

/** An enhanced authentication method of MQTT 5.0 [4.12], offered under its name, e.g. "SCRAM-SHA-256". */
export interface AuthenticationMethod {
  readonly name: string;
  begin(request: AuthenticationRequest): AuthenticationExchange;
}
