import { ReasonCode } from "../src/index.ts";
import { type InvalidPacketCase, invalidCases } from "./packet-case.ts";

const { MalformedPacket, ProtocolError, TopicNameInvalid, UnsupportedProtocolVersion } = ReasonCode;

/** The shared form of a CONNECT whose fault lies in one property. */
function connectWith(properties: string): string {
  return `10 ~ "MQTT" 05 02 003c {${properties}} "c"`;
}

function willWith(properties: string): string {
  return `10 ~ "MQTT" 05 06 003c {} "c" {${properties}} "w" ""`;
}

function connackWith(properties: string): string {
  return `20 ~ 00 00 {${properties}}`;
}

export const INVALID_CONNECT_CASES: readonly InvalidPacketCase[] = [
  ...invalidCases(4, "client", [
    ["CONNECT of another protocol", `10 ~ "HTTP" 04 02 003c "c"`, UnsupportedProtocolVersion, "MQTT-3.1.2-1"],
    ["CONNECT with its name in lower case", `10 ~ "mqtt" 04 02 003c "c"`, 0x84, "MQTT-3.1.2-1"],
    ["CONNECT of level 6", `10 ~ "MQTT" 06 02 003c "c"`, UnsupportedProtocolVersion, "MQTT-3.1.2-2"],
    ["CONNECT of MQTT with level 3", `10 ~ "MQTT" 03 02 003c "c"`, 0x84, "MQTT-3.1.2-2"],
    ["CONNECT of MQIsdp with level 4", `10 ~ "MQIsdp" 04 02 003c "c"`, 0x84, "MQTT-3.1.2-2"],
    ["CONNECT of level 5 with the bridge bit", `10 ~ "MQTT" 85 02 003c {} "c"`, 0x84, "MQTT-3.1.2-2"],
    ["CONNECT without a body", "10 00", MalformedPacket, "MQTT 5.0, 1.2"],
    ["CONNECT cut short in its name", `10 ~ 0004 'MQ'`, MalformedPacket, "MQTT 5.0, 1.2"],
    ["CONNECT cut short before its level", `10 ~ "MQTT"`, MalformedPacket, "MQTT 5.0, 1.2"],
    ["CONNECT cut short before its flags", `10 ~ "MQTT" 04`, MalformedPacket, "MQTT 5.0, 1.2"],
    ["CONNECT without a client id", `10 ~ "MQTT" 04 02 003c`, MalformedPacket, "MQTT 5.0, 1.2"],
    [
      "CONNECT with a flag in the fixed header",
      `11 ~ "MQTT" 04 02 003c "c"`,
      MalformedPacket,
      "MQTT-2.1.3-1",
    ],
    ["CONNECT with the reserved flag", `10 ~ "MQTT" 04 03 003c "c"`, MalformedPacket, "MQTT-3.1.2-3"],
    ["CONNECT with will QoS 3", `10 ~ "MQTT" 04 1e 003c "c" "w" ""`, MalformedPacket, "MQTT-3.1.2-12"],
    ["CONNECT with will QoS but no will", `10 ~ "MQTT" 04 0a 003c "c"`, MalformedPacket, "MQTT-3.1.2-11"],
    ["CONNECT with will retain but no will", `10 ~ "MQTT" 04 22 003c "c"`, MalformedPacket, "MQTT-3.1.2-13"],
    ["CONNECT with a password alone", `10 ~ "MQTT" 04 42 003c "c" "p"`, 0x81, "MQTT 3.1.1, 3.1.2.9"],
    ["CONNECT without the will it announces", `10 ~ "MQTT" 04 06 003c "c"`, 0x81, "MQTT 5.0, 1.2"],
    ["CONNECT without the will payload", `10 ~ "MQTT" 04 06 003c "c" "w"`, 0x81, "MQTT 5.0, 1.2"],
    ["CONNECT without the user name it announces", `10 ~ "MQTT" 04 82 003c "c"`, 0x81, "MQTT 5.0, 1.2"],
    ["CONNECT without the password it announces", `10 ~ "MQTT" 04 c2 003c "c" "u"`, 0x81, "MQTT 5.0, 1.2"],
    ["CONNECT with a field no flag announces", `10 ~ "MQTT" 04 02 003c "c" "u"`, 0x81, "MQTT 5.0, 2.1.4"],
    ["CONNECT with a byte too many", `10 ~ "MQTT" 04 02 003c "c" 00`, MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["CONNECT with U+0000 in the client id", `10 ~ "MQTT" 04 02 003c 0001 00`, 0x81, "MQTT-1.5.4-2"],
    ["CONNECT with a surrogate", `10 ~ "MQTT" 04 02 003c 0003 eda080`, 0x81, "MQTT-1.5.4-1"],
    ["CONNECT with an overlong slash", `10 ~ "MQTT" 04 02 003c 0002 c0af`, 0x81, "MQTT-1.5.4-1"],
    ["CONNECT with bad UTF-8 in the user name", `10 ~ "MQTT" 04 82 003c "c" 0001 ff`, 0x81, "MQTT-1.5.4-1"],
    [
      "CONNECT with an empty will topic",
      `10 ~ "MQTT" 04 06 003c "c" "" ""`,
      TopicNameInvalid,
      "MQTT-4.7.3-1",
    ],
    ["CONNECT with a wildcard will topic", `10 ~ "MQTT" 04 06 003c "c" "a/+" ""`, 0x90, "MQTT-4.7.0-1"],
    [
      "CONNECT with bad UTF-8 in the will topic",
      `10 ~ "MQTT" 04 06 003c "c" 0001 80 ""`,
      0x81,
      "MQTT-1.5.4-1",
    ],
    ["CONNECT from a server side", `20 02 0000`, ProtocolError, "MQTT 5.0, 2.1.2"],
  ]),
  ...invalidCases(3, "client", [
    ["CONNECT with a password alone", `10 ~ "MQIsdp" 03 42 003c "c" "p"`, 0x81, "MQTT 3.1.1, 3.1.2.9"],
    ["CONNECT with will QoS 3", `10 ~ "MQIsdp" 03 1e 003c "c" "w" ""`, MalformedPacket, "MQTT-3.1.2-12"],
  ]),
  ...invalidCases(5, "client", [
    ["CONNECT without a property block", `10 ~ "MQTT" 05 02 003c`, MalformedPacket, "MQTT-1.5.5-1"],
    ["CONNECT whose properties overrun", `10 ~ "MQTT" 05 02 003c 05 21 0001`, 0x81, "MQTT 5.0, 2.2.2.1"],
    ["CONNECT with a long Property Length", `10 ~ "MQTT" 05 02 003c 8000 "c"`, 0x81, "MQTT-1.5.5-1"],
    [
      "CONNECT with a property cut by the block",
      `10 ~ "MQTT" 05 02 003c 02 21 0001 "c"`,
      0x81,
      "MQTT 5.0, 2.2.2.1",
    ],
    ["CONNECT with an unknown property", connectWith("7f 00"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with property 0", connectWith("00 00"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a property of PUBLISH", connectWith("23 0001"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a property of the will", connectWith("18 00000001"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with Receive Maximum 0", connectWith("21 0000"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with Maximum Packet Size 0", connectWith("27 00000000"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with Request Problem Information 2", connectWith("17 02"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    [
      "CONNECT with Request Response Information 255",
      connectWith("19 ff"),
      ProtocolError,
      "MQTT 5.0, 2.2.2.2",
    ],
    ["CONNECT with a property twice", connectWith("21 0001 21 0001"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with data of no method", connectWith(`16 "x"`), ProtocolError, "MQTT 5.0, 3.1.2.11.10"],
    ["CONNECT with bad UTF-8 in a User Property", connectWith(`26 "a" 0001 ff`), 0x81, "MQTT-1.5.4-1"],
    ["CONNECT with a User Property without value", connectWith(`26 "a"`), 0x81, "MQTT 5.0, 2.2.2.1"],
    ["CONNECT with a will property of CONNECT", willWith("21 0001"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a Topic Alias in the will", willWith("23 0001"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a will property twice", willWith("18 00000001 18 00000001"), 0x82, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a will format of 2", willWith("01 02"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNECT with a wildcard Response Topic", willWith(`08 "a/#"`), ProtocolError, "MQTT-3.3.2-14"],
    ["CONNECT with an empty Response Topic", willWith(`08 ""`), ProtocolError, "MQTT-4.7.3-1"],
    ["AUTH with flags", `f1 ~ 18 {15 "m"}`, MalformedPacket, "MQTT-3.15.1-1"],
    ["AUTH with an unknown Reason Code", `f0 ~ 1a {15 "m"}`, ProtocolError, "MQTT-3.15.2-1"],
    ["AUTH with Success from a client", "f0 00", ProtocolError, "MQTT-3.15.2-1"],
    ["AUTH without properties", "f0 01 18", MalformedPacket, "MQTT-1.5.5-1"],
    ["AUTH without a method", `f0 ~ 18 {16 "x"}`, ProtocolError, "MQTT 5.0, 3.15.2.2.2"],
    ["AUTH with bytes behind", `f0 ~ 18 {15 "m"} 00`, MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["CONNACK from a client", "20 03 000000", ProtocolError, "MQTT 5.0, 2.1.2"],
  ]),
  ...invalidCases(5, "server", [
    ["CONNECT from a server", `10 ~ "MQTT" 05 02 003c {} "c"`, ProtocolError, "MQTT 5.0, 2.1.2"],
    ["CONNACK with a flag in the fixed header", "22 03 000000", MalformedPacket, "MQTT-2.1.3-1"],
    ["CONNACK with a reserved flag", "20 03 020000", MalformedPacket, "MQTT-3.2.2-1"],
    ["CONNACK without properties", "20 02 0000", MalformedPacket, "MQTT-1.5.5-1"],
    ["CONNACK with an unknown Reason Code", "20 03 000100", ProtocolError, "MQTT-3.2.2-8"],
    ["CONNACK with Session Present in a refusal", "20 03 018700", ProtocolError, "MQTT-3.2.2-6"],
    ["CONNACK with Receive Maximum 0", connackWith("21 0000"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNACK with Maximum QoS 2", connackWith("24 02"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNACK with Retain Available 2", connackWith("25 02"), ProtocolError, "MQTT 5.0, 2.2.2.2"],
    ["CONNACK with a property of CONNECT", connackWith("17 01"), MalformedPacket, "MQTT 5.0, 2.2.2.2"],
    ["CONNACK with bytes behind", "20 04 00000000", MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["AUTH that asks to authenticate again", `f0 ~ 19 {15 "m"}`, ProtocolError, "MQTT-3.15.2-1"],
  ]),
  ...invalidCases(4, "server", [
    ["CONNACK with a reserved flag", "20 02 0200", MalformedPacket, "MQTT-3.2.2-1"],
    ["CONNACK with return code 6", "20 02 0006", ProtocolError, "MQTT-3.2.2-8"],
    ["CONNACK with Session Present in a refusal", "20 02 0105", ProtocolError, "MQTT-3.2.2-6"],
    ["CONNACK with properties", "20 03 000000", MalformedPacket, "MQTT 5.0, 2.1.4"],
    ["CONNACK cut short", "20 01 00", MalformedPacket, "MQTT 5.0, 1.2"],
    ["AUTH", `f0 ~ 18 {15 "m"}`, MalformedPacket, "MQTT 3.1.1, 2.2.1"],
  ]),
];
