import { type ControlPacket, encodePacket, type ProtocolVersion, type QoS } from "@dunlin/protocol";
import type { Dice } from "./dice.ts";

/** Few of everything, so that clients get into each other's way. */
const CLIENT_IDS = ["a", "b", ""];
const TOPICS = ["t", "t/u", "t/u/v", "w", "$SYS/x", "t//", "\u{1f986}"];
const FILTERS = ["t", "t/#", "+", "#", "+/u", "$share/g/t", "$share/g/#", "$share/h/+/u", "$SYS/#"];
const BAD_FILTERS = ["", "t/#/u", "t+", "$share/g", "$share//t", "$share/+/t", "a/".repeat(100)];
const PAYLOADS = ["", "x", "y".repeat(300), "z".repeat(3000)];
const METHODS = [undefined, undefined, undefined, "challenge", "unknown"];

type PacketOf<Type extends ControlPacket["type"]> = Extract<ControlPacket, { type: Type }>;
type Acknowledgement = "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP";

function connect(dice: Dice, protocolVersion: ProtocolVersion): ControlPacket {
  const will = {
    topicName: dice.pick(TOPICS),
    payload: Buffer.from(dice.pick(PAYLOADS)),
    qos: dice.below(3) as QoS,
    retain: dice.chance(1, 2),
    properties: protocolVersion === 5 ? { willDelayIntervalSeconds: dice.below(3) * 20 } : {},
  };
  const authenticationMethod = dice.pick(METHODS);
  const properties: PacketOf<"CONNECT">["properties"] = {
    sessionExpiryIntervalSeconds: dice.pick([undefined, 0, 30, 0xffffffff]),
    receiveMaximum: dice.pick([undefined, 1, 3]),
    topicAliasMaximum: dice.pick([undefined, 0, 2]),
    maximumPacketSize: dice.pick([undefined, undefined, 2, 40, 400]),
    requestProblemInformation: dice.pick([undefined, false]),
    authenticationMethod,
    authenticationData: authenticationMethod === undefined ? undefined : Buffer.from("data"),
    userProperties: [["name", "value"]],
  };
  return {
    type: "CONNECT",
    protocolVersion,
    cleanStart: dice.chance(1, 2),
    keepAliveSeconds: dice.pick([0, 5, 60]),
    clientId: dice.pick(CLIENT_IDS),
    properties: protocolVersion === 5 ? properties : {},
    ...(dice.chance(1, 2) ? { will } : {}),
    ...(dice.chance(1, 4) ? { userName: "user", password: Buffer.from("secret") } : {}),
  };
}

function publish(dice: Dice, version: ProtocolVersion): ControlPacket {
  const qos = dice.below(3) as QoS;
  const topicAlias = dice.chance(1, 8) ? dice.pick([1, 1, 1, 2, 2, 9]) : undefined;
  const properties = {
    topicAlias,
    messageExpiryIntervalSeconds: dice.pick([undefined, 0, 10]),
    payloadFormatIndicator: dice.pick([undefined, 1] as const),
    userProperties: dice.chance(1, 4) ? [["name", "value"] as const] : undefined,
  };
  return {
    type: "PUBLISH",
    topicName: version === 5 && topicAlias !== undefined && dice.chance(1, 4) ? "" : dice.pick(TOPICS),
    payload: dice.chance(1, 10) ? Buffer.from("ff", "hex") : Buffer.from(dice.pick(PAYLOADS)),
    qos,
    retain: dice.chance(1, 4),
    dup: qos > 0 && dice.chance(1, 5),
    properties: version === 5 ? properties : {},
    ...(qos > 0 ? { packetIdentifier: identifier(dice) } : {}),
  };
}

function identifier(dice: Dice): number {
  return 1 + dice.below(dice.chance(1, 20) ? 65_535 : 6);
}

function subscribe(dice: Dice, version: ProtocolVersion): ControlPacket {
  const subscriptions = Array.from({ length: 1 + dice.below(4) }, () => {
    const topicFilter = dice.pick(dice.chance(1, 100) ? BAD_FILTERS : FILTERS);
    const isShared = topicFilter.startsWith("$share");
    return {
      topicFilter,
      qos: dice.below(3) as QoS,
      noLocal: version === 5 && !isShared && dice.chance(1, 3),
      retainAsPublished: version === 5 && dice.chance(1, 2),
      retainHandling: version === 5 ? (dice.below(3) as 0 | 1 | 2) : (0 as const),
    };
  });
  const subscriptionIdentifier = version === 5 ? dice.pick([undefined, 1, 268_435_455]) : undefined;
  return {
    type: "SUBSCRIBE",
    packetIdentifier: identifier(dice),
    subscriptions,
    properties: { subscriptionIdentifier },
  };
}

function acknowledgement(dice: Dice, version: ProtocolVersion): ControlPacket {
  const type = dice.pick<Acknowledgement>(["PUBACK", "PUBREC", "PUBREL", "PUBCOMP"]);
  const refuses = version === 5 && (type === "PUBACK" || type === "PUBREC") && dice.chance(1, 5);
  return {
    type,
    packetIdentifier: identifier(dice),
    reasonCode: refuses ? 0x80 : 0,
    properties: {},
  } as ControlPacket;
}

function disconnect(dice: Dice, version: ProtocolVersion): ControlPacket {
  if (version < 5) return { type: "DISCONNECT", reasonCode: 0, properties: {} };
  const sessionExpiryIntervalSeconds = dice.pick([undefined, 0, 10]);
  return { type: "DISCONNECT", reasonCode: dice.pick([0, 4]), properties: { sessionExpiryIntervalSeconds } };
}

/** What only a broker may say, or nobody. */
function illegal(dice: Dice): ControlPacket {
  return dice.pick<ControlPacket>([
    { type: "CONNACK", sessionPresent: false, reasonCode: 0, properties: {} },
    { type: "SUBACK", packetIdentifier: 1, reasonCodes: [0], properties: {} },
    { type: "UNSUBACK", packetIdentifier: 1, reasonCodes: [0], properties: {} },
    { type: "PINGRESP" },
  ]);
}

function auth(dice: Dice, version: ProtocolVersion): ControlPacket {
  if (version < 5) return { type: "PINGREQ" };
  const authenticationMethod = dice.pick(["challenge", "challenge", "unknown"]);
  return {
    type: "AUTH",
    reasonCode: dice.pick([0x18, 0x18, 0x19]),
    properties: { authenticationMethod, authenticationData: Buffer.from(dice.pick(["right", "wrong"])) },
  };
}

function ping(): ControlPacket {
  return { type: "PINGREQ" };
}

function unsubscribe(dice: Dice): ControlPacket {
  const topicFilters = [dice.pick(FILTERS), dice.pick(FILTERS)];
  return { type: "UNSUBSCRIBE", packetIdentifier: identifier(dice), topicFilters, properties: {} };
}

/** A packet that a client of `version` may send at some time or other. */
export function anyPacket(dice: Dice, version: ProtocolVersion): Uint8Array {
  const usual = [
    publish,
    publish,
    publish,
    publish,
    subscribe,
    acknowledgement,
    acknowledgement,
    unsubscribe,
  ];
  const make = dice.pick(dice.chance(1, 20) ? [ping, auth, disconnect, connect, illegal] : usual);
  return encodePacket(make(dice, version), version);
}

export function anyConnect(dice: Dice, version: ProtocolVersion): Uint8Array {
  return encodePacket(connect(dice, version), version);
}

/** Some bytes changed, added or taken away; now and then nothing but noise. */
export function mutated(dice: Dice, packet: Uint8Array): Uint8Array {
  if (dice.chance(1, 10)) return Uint8Array.from({ length: 1 + dice.below(50) }, () => dice.below(256));
  const bytes = [...packet];
  for (let edits = 1 + dice.below(3); edits > 0; edits--) {
    bytes.splice(dice.below(bytes.length), dice.below(3), dice.below(256));
  }
  return Uint8Array.from(bytes);
}
