export { AcknowledgementView, decodeAcknowledgementView } from "./decode-acknowledgement.ts";
export { peekProtocolVersion } from "./decode-connect.ts";
export { decodePacket } from "./decode-packet.ts";
export { decodePublishView, readMessageProperties } from "./decode-publish.ts";
export { encodedSize, encodePacket } from "./encode-packet.ts";
export { FrameReader } from "./frame-reader.ts";
export { KnownBytes } from "./known-bytes.ts";
export { matchTopic } from "./match-topic.ts";
export * from "./packet-type.ts";
export * from "./packets.ts";
export {
  PROPERTIES,
  type PropertyDefinition,
  type PropertyOwner,
  type PropertyRange,
  PropertyType,
} from "./properties.ts";
export * from "./protocol-error.ts";
export type * from "./protocol-version.ts";
export * from "./publish-view.ts";
export * from "./publish-writer.ts";
export * from "./reason-code.ts";
export { isReasonCodeOf, reasonName } from "./reason-name.ts";
export { StreamDecoder, type StreamDecoderOptions } from "./stream-decoder.ts";
export { isSharedFilter, parseSharedFilter, type SharedFilter, topicFilterProblem } from "./topic-filter.ts";
export { MAXIMUM_TOPIC_BYTES, topicNameProblem, validateTopicNameBytes } from "./topic-name.ts";
export { decodeUtf8, encodeUtf8, utf8Length, validateUtf8 } from "./utf8.ts";
export * from "./variable-byte-integer.ts";
