import type { KnownBytes } from "./known-bytes.ts";
import type { QoS } from "./packets.ts";

/**
 * A PUBLISH read in place: offsets into the received bytes instead of copies. One instance is reused for
 * every packet of a connection, so that the hot path allocates nothing. The general decoder builds
 * `PublishPacket` from it: there is one definition of PUBLISH.
 */
export class PublishView {
  bytes: Uint8Array = EMPTY;
  /** Offset of the first byte of the packet. */
  start = 0;
  /** Offset past the last byte of the packet. */
  end = 0;
  qos: QoS = 0;
  retain = false;
  dup = false;
  /** Offset of the Topic Name's characters, after its two length bytes. */
  topicStart = 0;
  topicEnd = 0;
  /** 0 with QoS 0. */
  packetIdentifier = 0;
  /** Offset of the two Packet Identifier bytes; with QoS 0, of where they would stand. */
  packetIdentifierOffset = 0;
  /** The content of the property block, without its length; empty before MQTT 5.0. */
  propertiesStart = 0;
  propertiesEnd = 0;
  payloadStart = 0;

  /** -1 where absent. */
  payloadFormatIndicator = -1;
  /** -1 where absent. */
  messageExpiryIntervalSeconds = -1;
  /** Offset of the Message Expiry Interval property's identifier byte (5 bytes in all); -1 where absent. */
  messageExpiryOffset = -1;
  /** 0 where absent. */
  topicAlias = 0;
  /** Offset of the Topic Alias property's identifier byte (3 bytes in all); -1 where absent. */
  topicAliasOffset = -1;

  /** The last property block accepted: publishers send the same one again and again. */
  readonly knownProperties: KnownBytes | undefined;

  /** `knownProperties` pays where one view reads many packets. */
  constructor(knownProperties?: KnownBytes) {
    this.knownProperties = knownProperties;
  }
}

const EMPTY = new Uint8Array(0);
