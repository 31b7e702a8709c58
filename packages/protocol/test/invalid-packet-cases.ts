import { ReasonCode } from "../src/index.ts";
import { type InvalidPacketCase, type InvalidRow, invalidCases } from "./packet-case.ts";

const { MalformedPacket, ProtocolError, TopicAliasInvalid, TopicNameInvalid } = ReasonCode;

/** The shared form of a PUBLISH whose fault lies in one property. */
function publishWith(properties: string): string {
  return `30 ~ "a" {${properties}} 'x'`;
}

const IN_EVERY_VERSION: readonly InvalidRow[] = [
  ["the reserved packet type 0", "00 00", MalformedPacket, "MQTT 5.0, 2.1.2"],
  ["PUBLISH with QoS 3", `36 ~ "a" 0001 00`, MalformedPacket, "MQTT-3.3.1-4"],
  ["PUBLISH without a topic", "30 00", MalformedPacket, "MQTT-3.3.2-1"],
  ["PUBLISH with half a topic length", "30 01 00", MalformedPacket, "MQTT-3.3.2-1"],
  ["PUBLISH cut short in its topic", "30 04 0003 'ab'", MalformedPacket, "MQTT-3.3.2-1"],
  ["PUBLISH cut short in its identifier", `32 ~ "a" 00`, MalformedPacket, "MQTT 5.0, 2.2.1"],
  ["PUBLISH with identifier 0", `32 ~ "a" 0000 00`, ProtocolError, "MQTT-2.2.1-3"],
  ["PUBLISH with + in its topic", `30 ~ "a/+" 00`, TopicNameInvalid, "MQTT-3.3.2-2"],
  ["PUBLISH with # in its topic", `30 ~ "a#" 00`, TopicNameInvalid, "MQTT-3.3.2-2"],
  ["PUBLISH with U+0000 in its topic", "30 ~ 0002 6100 00", MalformedPacket, "MQTT-4.7.3-2"],
  ["PUBLISH with bad UTF-8 in its topic", "30 ~ 0002 61c3 00", MalformedPacket, "MQTT-1.5.4-1"],
  ["PUBACK with identifier 0", "40 02 0000", ProtocolError, "MQTT-2.2.1-5"],
  ["PUBACK cut short", "40 01 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
  ["PUBREC without a body", "50 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
];

const FLAGS: readonly InvalidRow[] = [
  ["PUBLISH with DUP and QoS 0", `38 ~ "a" 00`, MalformedPacket, "MQTT-3.3.1-2"],
  ["PUBACK with a flag", "41 02 0001", MalformedPacket, "MQTT-2.1.3-1"],
  ["PUBREC with a flag", "52 02 0001", MalformedPacket, "MQTT-2.1.3-1"],
  ["PUBREL without its flag", "60 02 0001", MalformedPacket, "MQTT-3.6.1-1"],
  ["PUBREL with a flag too many", "6a 02 0001", MalformedPacket, "MQTT-3.6.1-1"],
  ["PUBCOMP with a flag", "78 02 0001", MalformedPacket, "MQTT-2.1.3-1"],
];

const FROM_CLIENTS: readonly InvalidRow[] = [
  ["SUBACK from a client", "90 03 0001 00", ProtocolError, "MQTT 5.0, 2.1.2"],
  ["UNSUBACK from a client", "b0 02 0001", ProtocolError, "MQTT 5.0, 2.1.2"],
  ["PINGRESP from a client", "d0 00", ProtocolError, "MQTT 5.0, 2.1.2"],
  ["PINGREQ with a body", "c0 01 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
];

const FROM_SERVERS: readonly InvalidRow[] = [
  ["SUBSCRIBE from a server", `82 ~ 0001 "a" 00`, ProtocolError, "MQTT 5.0, 2.1.2"],
  ["UNSUBSCRIBE from a server", `a2 ~ 0001 "a"`, ProtocolError, "MQTT 5.0, 2.1.2"],
  ["PINGREQ from a server", "c0 00", ProtocolError, "MQTT 5.0, 2.1.2"],
  ["PINGRESP with a body", "d0 01 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
];

export const INVALID_PACKET_CASES: readonly InvalidPacketCase[] = [
  ...([3, 4, 5] as const).flatMap((version) => [
    ...invalidCases(version, "client", [...IN_EVERY_VERSION, ...FROM_CLIENTS]),
    ...invalidCases(version, "server", [...IN_EVERY_VERSION, ...FROM_SERVERS]),
  ]),
  ...invalidCases(4, "client", FLAGS),
  ...invalidCases(5, "client", FLAGS),
  ...invalidCases(4, "client", [
    ["PUBLISH with an empty topic", `30 ~ "" 'x'`, MalformedPacket, "MQTT-4.7.3-1"],
    ["PUBACK with a Reason Code", "40 03 0001 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["SUBSCRIBE without its flag", `80 ~ 0001 "a" 00`, MalformedPacket, "MQTT-3.8.1-1"],
    ["SUBSCRIBE with identifier 0", `82 ~ 0000 "a" 00`, ProtocolError, "MQTT-2.2.1-3"],
    ["SUBSCRIBE without a filter", "82 02 0001", ProtocolError, "MQTT-3.8.3-2"],
    ["SUBSCRIBE without the options", `82 ~ 0001 "a"`, MalformedPacket, "MQTT 5.0, 1.2"],
    ["SUBSCRIBE with QoS 3", `82 ~ 0001 "a" 03`, MalformedPacket, "MQTT 3.1.1, 3.8.3.1"],
    ["SUBSCRIBE with No Local", `82 ~ 0001 "a" 04`, MalformedPacket, "MQTT-3.8.3-5"],
    ["UNSUBSCRIBE without its flag", `a0 ~ 0001 "a"`, MalformedPacket, "MQTT-3.10.1-1"],
    ["UNSUBSCRIBE without a filter", "a2 02 0001", ProtocolError, "MQTT-3.10.3-2"],
    ["UNSUBSCRIBE cut short", "a2 ~ 0001 0002 'a'", MalformedPacket, "MQTT 5.0, 1.2"],
    ["DISCONNECT with a flag", "e1 00", MalformedPacket, "MQTT-3.14.1-1"],
    ["DISCONNECT with a Reason Code", "e0 01 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["PINGREQ with a flag", "c4 00", MalformedPacket, "MQTT-2.1.3-1"],
  ]),
  ...invalidCases(3, "client", [
    ["PUBLISH with an empty topic", `30 ~ "" 'x'`, MalformedPacket, "MQTT-4.7.3-1"],
    ["SUBSCRIBE with QoS 3", `82 ~ 0001 "a" 03`, MalformedPacket, "MQTT 3.1.1, 3.8.3.1"],
  ]),
  ...invalidCases(4, "server", [
    ["DISCONNECT", "e0 00", ProtocolError, "MQTT 5.0, 2.1.2"],
    ["SUBACK without codes", "90 02 0001", MalformedPacket, "MQTT-3.9.3-2"],
    ["SUBACK with code 3", "90 03 0001 03", ProtocolError, "MQTT-3.9.3-2"],
    ["UNSUBACK with codes", "b0 03 0001 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
  ]),
  ...invalidCases(5, "client", [
    ["PUBLISH without topic or alias", `30 ~ "" {} 'x'`, ProtocolError, "MQTT 5.0, 3.3.2.1"],
    ["PUBLISH without a property block", `30 ~ "a"`, MalformedPacket, "MQTT-1.5.5-1"],
    ["PUBLISH whose properties overrun", `30 ~ "a" 04 23 0001`, MalformedPacket, "MQTT 5.0, 2.2.2.1"],
    ["PUBLISH with a long Property Length", `30 ~ "a" 8000`, MalformedPacket, "MQTT-1.5.5-1"],
    ["PUBLISH with a Property Length of five bytes", `30 ~ "a" ffffffff7f`, MalformedPacket, "MQTT-1.5.5-1"],
    ["PUBLISH with Topic Alias 0", publishWith("23 0000"), TopicAliasInvalid, "MQTT-3.3.2-8"],
    ["PUBLISH with a property twice", publishWith("23 0001 23 0001"), ProtocolError, "MQTT 5.0, 3.3.2.3"],
    ["PUBLISH with two content types", publishWith(`03 "" 03 ""`), ProtocolError, "MQTT 5.0, 3.3.2.3"],
    ["PUBLISH with an unknown property", publishWith("04 00"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["PUBLISH with a property id of two bytes", publishWith("8101 00"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["PUBLISH with a property of CONNECT", publishWith("21 0001"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["PUBLISH with a Reason String", publishWith(`1f "x"`), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["PUBLISH with a Subscription Identifier", publishWith("0b 01"), ProtocolError, "MQTT-3.3.4-6"],
    ["PUBLISH with a format of 2", publishWith("01 02"), ProtocolError, "MQTT 5.0, 3.3.2.3.2"],
    ["PUBLISH with a wildcard Response Topic", publishWith(`08 "a/+"`), ProtocolError, "MQTT-3.3.2-14"],
    ["PUBLISH with an empty Response Topic", publishWith(`08 ""`), ProtocolError, "MQTT-4.7.3-1"],
    ["PUBLISH with bad UTF-8 in Response Topic", publishWith("08 0001 ff"), MalformedPacket, "MQTT-1.5.4-1"],
    [
      "PUBLISH with U+0000 in a User Property",
      publishWith(`26 0001 00 "x"`),
      MalformedPacket,
      "MQTT-1.5.4-2",
    ],
    ["PUBLISH with half a User Property", publishWith(`26 "x"`), MalformedPacket, "MQTT 5.0, 2.2.2.1"],
    ["PUBLISH with a cut expiry", publishWith("02 000000"), MalformedPacket, "MQTT 5.0, 2.2.2.1"],
    ["PUBLISH with a cut text", publishWith("03 0005 'abc'"), MalformedPacket, "MQTT 5.0, 2.2.2.1"],
    ["PUBACK with an unknown Reason Code", "40 03 0001 01", ProtocolError, "MQTT-3.4.2-1"],
    ["PUBREC with a code of PUBREL", "50 03 0001 92", ProtocolError, "MQTT-3.5.2-1"],
    ["PUBREL with a code of PUBACK", "62 03 0001 10", ProtocolError, "MQTT-3.6.2-1"],
    ["PUBCOMP with an unknown Reason Code", "70 03 0001 80", ProtocolError, "MQTT-3.7.2-1"],
    ["PUBACK with bytes behind", "40 05 0001 00 00 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["PUBACK whose properties overrun", "40 04 0001 00 01", MalformedPacket, "MQTT 5.0, 2.2.2.1"],
    ["PUBACK with two Reason Strings", `40 ~ 0001 00 {1f "" 1f ""}`, ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["PUBACK with a property of PUBLISH", `40 ~ 0001 00 {03 "x"}`, MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["SUBSCRIBE without its flag", `80 ~ 0001 {} "a" 00`, MalformedPacket, "MQTT-3.8.1-1"],
    ["SUBSCRIBE without a filter", "82 03 0001 00", ProtocolError, "MQTT-3.8.3-2"],
    ["SUBSCRIBE with reserved bit 6", `82 ~ 0001 {} "a" 40`, MalformedPacket, "MQTT-3.8.3-5"],
    ["SUBSCRIBE with reserved bit 7", `82 ~ 0001 {} "a" 80`, MalformedPacket, "MQTT-3.8.3-5"],
    ["SUBSCRIBE with QoS 3", `82 ~ 0001 {} "a" 03`, ProtocolError, "MQTT 5.0, 3.8.3.1"],
    ["SUBSCRIBE with Retain Handling 3", `82 ~ 0001 {} "a" 30`, ProtocolError, "MQTT 5.0, 3.8.3.1"],
    ["SUBSCRIBE with No Local on a shared one", `82 ~ 0001 {} "$share/g/a" 04`, 0x82, "MQTT-3.8.3-4"],
    ["SUBSCRIBE with Subscription Identifier 0", `82 ~ 0001 {0b 00} "a" 00`, 0x82, "MQTT 5.0, 2.2.2.2"],
    ["SUBSCRIBE with two of them", `82 ~ 0001 {0b 01 0b 02} "a" 00`, 0x82, "MQTT 5.0, 2.2.2.2"],
    ["SUBSCRIBE with a long identifier", `82 ~ 0001 {0b 8100} "a" 00`, MalformedPacket, "MQTT-1.5.5-1"],
    ["SUBSCRIBE with bad UTF-8 in a filter", "82 ~ 0001 {} 0001 fe 00", MalformedPacket, "MQTT-1.5.4-1"],
    ["UNSUBSCRIBE with U+0000 in a filter", "a2 ~ 0001 {} 0001 00", MalformedPacket, "MQTT-1.5.4-2"],
    ["UNSUBSCRIBE without a filter", "a2 03 0001 00", ProtocolError, "MQTT-3.10.3-2"],
    ["UNSUBSCRIBE with a Subscription Identifier", `a2 ~ 0001 {0b 01} "a"`, 0x81, "MQTT 5.0, 2.2.2.2"],
    ["DISCONNECT with a flag", "e2 00", MalformedPacket, "MQTT-3.14.1-1"],
    ["DISCONNECT with an unknown code", "e0 01 01", ProtocolError, "MQTT-3.14.2-1"],
    ["DISCONNECT with a Server Reference", `e0 ~ 00 {1c "x"}`, ProtocolError, "MQTT 5.0, 3.14.2.2"],
    ["DISCONNECT with bytes behind", "e0 03 00 00 00", MalformedPacket, "MQTT 5.0, 2.1.4"],
  ]),
  ...invalidCases(5, "server", [
    ["PUBLISH with Subscription Identifier 0", publishWith("0b 00"), 0x82, "MQTT 5.0, 3.3.2.3.8"],
    ["PUBLISH with a cut Subscription Identifier", publishWith("0b 80"), 0x81, "MQTT-1.5.5-1"],
    ["SUBACK without codes", "90 03 0001 00", MalformedPacket, "MQTT-3.9.3-2"],
    ["SUBACK with code 3", "90 04 0001 00 03", ProtocolError, "MQTT-3.9.3-2"],
    ["UNSUBACK without codes", "b0 03 0001 00", MalformedPacket, "MQTT-3.11.3-2"],
    ["UNSUBACK with code 1", "b0 04 0001 00 01", ProtocolError, "MQTT-3.11.3-2"],
    ["DISCONNECT with a Session Expiry", "e0 ~ 8b {11 00000000}", ProtocolError, "MQTT-3.14.2-2"],
    ["DISCONNECT with a Will Message", "e0 01 04", ProtocolError, "MQTT-3.14.2-1"],
  ]),
];
