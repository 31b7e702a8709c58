import type { ProtocolVersion } from "./protocol-version.ts";
import type { ReasonCode } from "./reason-code.ts";

export type QoS = 0 | 1 | 2;

/** A name and value pair; order and repetition are significant [MQTT-3.3.2-18]. */
export type UserProperty = readonly [name: string, value: string];

interface UserProperties {
  readonly userProperties?: readonly UserProperty[] | undefined;
}

interface ReasonProperties extends UserProperties {
  readonly reasonString?: string | undefined;
}

export interface ConnectProperties extends UserProperties {
  readonly sessionExpiryIntervalSeconds?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly requestResponseInformation?: boolean | undefined;
  readonly requestProblemInformation?: boolean | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

/** The properties that belong to an Application Message and travel with it to every subscriber. */
export interface MessageProperties extends UserProperties {
  readonly payloadFormatIndicator?: 0 | 1 | undefined;
  readonly messageExpiryIntervalSeconds?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
}

export interface WillProperties extends MessageProperties {
  readonly willDelayIntervalSeconds?: number | undefined;
}

export interface PublishProperties extends MessageProperties {
  readonly topicAlias?: number | undefined;
  /** Server to client only; one for each matching subscription that has one [MQTT-3.3.4-4]. */
  readonly subscriptionIdentifiers?: readonly number[] | undefined;
}

export interface ConnackProperties extends ReasonProperties {
  readonly sessionExpiryIntervalSeconds?: number | undefined;
  readonly receiveMaximum?: number | undefined;
  readonly maximumQoS?: 0 | 1 | undefined;
  readonly retainAvailable?: boolean | undefined;
  readonly maximumPacketSize?: number | undefined;
  readonly assignedClientIdentifier?: string | undefined;
  readonly topicAliasMaximum?: number | undefined;
  readonly wildcardSubscriptionAvailable?: boolean | undefined;
  readonly subscriptionIdentifiersAvailable?: boolean | undefined;
  readonly sharedSubscriptionAvailable?: boolean | undefined;
  readonly serverKeepAliveSeconds?: number | undefined;
  readonly responseInformation?: string | undefined;
  readonly serverReference?: string | undefined;
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface AcknowledgementProperties extends ReasonProperties {}

export interface SubscribeProperties extends UserProperties {
  readonly subscriptionIdentifier?: number | undefined;
}

export interface UnsubscribeProperties extends UserProperties {}

export interface DisconnectProperties extends ReasonProperties {
  /** Client to server only [MQTT-3.14.2-2]. */
  readonly sessionExpiryIntervalSeconds?: number | undefined;
  /** Server to client only. */
  readonly serverReference?: string | undefined;
}

export interface AuthProperties extends ReasonProperties {
  readonly authenticationMethod?: string | undefined;
  readonly authenticationData?: Uint8Array | undefined;
}

export interface Will {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Empty before MQTT 5.0. */
  readonly properties: WillProperties;
}

/** MQTT 3.1 and 3.1.1 call cleanStart Clean Session. `properties` is empty before MQTT 5.0, everywhere. */
export interface ConnectPacket {
  readonly type: "CONNECT";
  readonly protocolVersion: ProtocolVersion;
  readonly cleanStart: boolean;
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  readonly will?: Will | undefined;
  readonly userName?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly properties: ConnectProperties;
  /**
   * The bridge bit (0x80 of the version byte) that Mosquitto bridges set; absent unless set.
   * It asks for retain flags to be kept and for the client's own messages not to come back.
   */
  readonly bridge?: true | undefined;
}

export interface ConnackPacket {
  readonly type: "CONNACK";
  readonly sessionPresent: boolean;
  /** Before MQTT 5.0 this is the Connect Return code, 0 to 5. */
  readonly reasonCode: number;
  readonly properties: ConnackProperties;
}

export interface PublishPacket {
  readonly type: "PUBLISH";
  /** Empty where a Topic Alias stands for it (MQTT 5.0). */
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  /** 1 to 65,535 with QoS 1 and 2, absent with QoS 0. */
  readonly packetIdentifier?: number | undefined;
  readonly properties: PublishProperties;
}

interface Acknowledgement {
  readonly packetIdentifier: number;
  /** 0 before MQTT 5.0. */
  readonly reasonCode: ReasonCode;
  readonly properties: AcknowledgementProperties;
}

export interface PubackPacket extends Acknowledgement {
  readonly type: "PUBACK";
}
export interface PubrecPacket extends Acknowledgement {
  readonly type: "PUBREC";
}
export interface PubrelPacket extends Acknowledgement {
  readonly type: "PUBREL";
}
export interface PubcompPacket extends Acknowledgement {
  readonly type: "PUBCOMP";
}

export type RetainHandling = 0 | 1 | 2;

export interface SubscriptionRequest {
  readonly topicFilter: string;
  readonly qos: QoS;
  /** MQTT 5.0; false, false and 0 before. */
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: RetainHandling;
}

export interface SubscribePacket {
  readonly type: "SUBSCRIBE";
  readonly packetIdentifier: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: SubscribeProperties;
}

export interface SubackPacket {
  readonly type: "SUBACK";
  readonly packetIdentifier: number;
  /** One per subscription, in order. Before MQTT 5.0: 0, 1, 2 or 0x80. */
  readonly reasonCodes: readonly number[];
  readonly properties: AcknowledgementProperties;
}

export interface UnsubscribePacket {
  readonly type: "UNSUBSCRIBE";
  readonly packetIdentifier: number;
  readonly topicFilters: readonly string[];
  readonly properties: UnsubscribeProperties;
}

export interface UnsubackPacket {
  readonly type: "UNSUBACK";
  readonly packetIdentifier: number;
  /** One per topic filter, in order; empty before MQTT 5.0. */
  readonly reasonCodes: readonly number[];
  readonly properties: AcknowledgementProperties;
}

export interface PingreqPacket {
  readonly type: "PINGREQ";
}
export interface PingrespPacket {
  readonly type: "PINGRESP";
}

export interface DisconnectPacket {
  readonly type: "DISCONNECT";
  /** 0 before MQTT 5.0. */
  readonly reasonCode: ReasonCode;
  readonly properties: DisconnectProperties;
}

/** MQTT 5.0 only. */
export interface AuthPacket {
  readonly type: "AUTH";
  readonly reasonCode: ReasonCode;
  readonly properties: AuthProperties;
}

export type ControlPacket =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
