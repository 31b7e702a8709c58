import { type ControlPacket, encodePacket } from "@dunlin/protocol";
import { expect, test } from "vitest";
import { fitPacket } from "./fit-packet.ts";

const explained = { reasonString: "because of this", userProperties: [["k", "v"]] as const };
const anyone = { protocolVersion: 5, maximumPacketSize: 1000, requestProblemInformation: true } as const;

function puback(properties: object): ControlPacket {
  return { type: "PUBACK", packetIdentifier: 1, reasonCode: 0x87, properties };
}

test("an explanation goes along where it fits", () => {
  const full = encodePacket(puback(explained), 5);
  const bare = encodePacket(puback({}), 5);
  expect(fitPacket(puback(explained), { ...anyone, maximumPacketSize: full.length })).toEqual(full);
  expect(fitPacket(puback(explained), { ...anyone, maximumPacketSize: full.length - 1 })).toEqual(bare);
  expect(fitPacket(puback(explained), { ...anyone, maximumPacketSize: bare.length - 1 })).toBeUndefined();
});

test("who wants no explanation gets it with CONNACK and DISCONNECT only", () => {
  const silent = { ...anyone, requestProblemInformation: false };
  expect(fitPacket(puback(explained), silent)).toEqual(encodePacket(puback({}), 5));
  const connack = {
    type: "CONNACK",
    sessionPresent: false,
    reasonCode: 0x87,
    properties: explained,
  } as const;
  const disconnect = { type: "DISCONNECT", reasonCode: 0x87, properties: explained } as const;
  for (const packet of [connack, disconnect])
    expect(fitPacket(packet, silent)).toEqual(encodePacket(packet, 5));
});

test("older clients know neither sizes nor explanations", () => {
  const packet = puback(explained);
  expect(fitPacket(packet, { ...anyone, protocolVersion: 4, maximumPacketSize: 1 })).toEqual(
    encodePacket(packet, 4),
  );
});
