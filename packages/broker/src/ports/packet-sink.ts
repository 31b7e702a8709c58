import type { ControlPacket, ProtocolVersion } from "@dunlin/protocol";

/** A whole encoded PUBLISH that may go to many clients. */
export interface EncodedPublish {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** What follows at `end`: a large payload, where it stands; null: nothing. */
  readonly payloadBytes: Uint8Array | null;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /** Of the whole packet. */
  readonly size: number;
  /** Offset of the two Packet Identifier bytes; with QoS 0, of where they would stand. */
  readonly packetIdentifierOffset: number;
  /** Nobody else gets it: its Packet Identifier and DUP may be put in where it stands. */
  readonly exclusive: boolean;
}

/** Where packets for a connected client go. */
export interface PacketSink {
  readonly protocolVersion: ProtocolVersion;
  /** The client's Maximum Packet Size in bytes [MQTT-3.1.2-24]. */
  readonly maximumPacketSize: number;
  /** More than `maximumOutputBytes` wait for this client to read: QoS 0 is to be dropped, QoS 1 and 2 to wait. */
  readonly congested: boolean;
  /** Topic Aliases that may be set on this connection; null: none. */
  readonly outboundAliases: OutboundAliases | null;

  /** QoS 0, unchanged. */
  sendEncoded(publish: EncodedPublish): void;
  /** QoS 1 or 2, with the Packet Identifier (and DUP) put in. */
  sendEncodedAs(publish: EncodedPublish, packetIdentifier: number, dup: boolean): void;
  /** PUBACK, PUBREC, PUBREL or PUBCOMP, once commit group `ticket` is stored (0: at once), in order. */
  acknowledge(
    packetType: number,
    packetIdentifier: number,
    reasonCode: number,
    ticket: number,
    reasonString?: string,
  ): void;
  /** Any packet; its Reason String and User Properties go only where the client allows them. */
  send(packet: ControlPacket): void;
  /** Another connection takes the session over: this one is told so, and is closed at once [MQTT-3.1.4-3]. */
  takenOver(): void;
}

export interface OutboundAliases {
  /** The alias of a topic, newly set where one is free; 0: none. Negative: the alias is new, and the name must go along. */
  aliasOf(topicName: string): number;
  /** The packet that was to tell the alias has not been sent. */
  forget(topicName: string): void;
}
