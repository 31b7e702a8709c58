import type { ConnackProperties, ConnectPacket, ReasonCode } from "@dunlin/protocol";
import type { BrokerLimits } from "../options.ts";
import type {
  AuthenticationExchange,
  AuthenticationRequest,
  ClientIdentity,
} from "../ports/authenticator.ts";
import type { StreamOrigin } from "../ports/byte-stream.ts";
import type { PacketSink } from "../ports/packet-sink.ts";
import type { Session } from "../session/session.ts";
import type { InboundAliases } from "./inbound-aliases.ts";

/** An exchange of AUTH packets that is going on, at CONNECT or again later. */
export interface RunningAuthentication {
  readonly methodName: string;
  readonly exchange: AuthenticationExchange;
  readonly clientId: string;
}

/** Why a connection ends, for logs and events. */
export interface Disconnection {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
  /** Whether the client said DISCONNECT. */
  readonly byClient: boolean;
  /** False where the will is taken back [MQTT-3.14.4-3]. */
  readonly withWill: boolean;
  /** With 0x9C and 0x9D. */
  readonly serverReference?: string | undefined;
}

/** A disconnection after which the will is due. */
export function endedByBroker(reasonCode: ReasonCode, reason: string): Disconnection {
  return { reasonCode, reason, byClient: false, withWill: true };
}

/** What handlers see of a connection; Connection implements it. */
export interface Client extends PacketSink {
  readonly origin: StreamOrigin;
  readonly listenerName: string;
  /** Those of its listener, else the broker's own. */
  readonly limits: BrokerLimits;
  /** The connection is gone, or going: what an awaited answer would have led to is void. */
  readonly closed: boolean;
  /** CONNECT has been accepted: CONNACK with Reason Code 0x00 is sent. */
  readonly established: boolean;
  /** Valid once CONNECT has been accepted, as `identity` is. */
  readonly session: Session;
  readonly identity: ClientIdentity;
  /** The CONNECT that is being answered; afterwards only with an Authentication Method. */
  readonly connect: ConnectPacket;
  readonly authenticationMethod: string | undefined;
  readonly inboundAliases: InboundAliases;
  authentication: RunningAuthentication | undefined;
  /** QoS 1 and 2 publishes received and not yet fully acknowledged. */
  readonly unacknowledgedPublishes: number;

  /** CONNECT has been received: it will be answered. */
  begin(connect: ConnectPacket): void;
  request(clientId: string): AuthenticationRequest;
  /** The session is this connection's from now on; nothing is sent to it before `accepted`. */
  attach(session: Session, identity: ClientIdentity, keepAliveSeconds: number): void;
  /** CONNACK has been sent: other packets may follow. */
  accepted(): void;
  /** Answers CONNECT with a CONNACK that refuses, and closes. Before MQTT 5.0 the code is translated. */
  refuse(reasonCode: ReasonCode, reason: string, properties?: ConnackProperties): void;
  /** Says DISCONNECT (MQTT 5.0) unless the client did, and closes. */
  disconnect(disconnection: Disconnection): void;
}
