import { expect, test } from "vitest";
import { ReasonCode } from "./reason-code.ts";
import { isReasonCodeOf, reasonName } from "./reason-name.ts";

test("reasonName uses the spec's words, and for 0x00 those of the packet", () => {
  expect(reasonName(0x8e)).toBe("Session taken over");
  expect(reasonName(0x00)).toBe("Success");
  expect(reasonName(0x00, "PUBACK")).toBe("Success");
  expect(reasonName(0x00, "DISCONNECT")).toBe("Normal disconnection");
  expect(reasonName(0x00, "SUBACK")).toBe("Granted QoS 0");
  expect(reasonName(0x8e, "PINGREQ")).toBe("Session taken over");
  expect(reasonName(0x05)).toBe("Reason Code 0x05");
});

test("every Reason Code has a name and a packet", () => {
  const packets = ["CONNACK", "PUBACK", "PUBREL", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"] as const;
  for (const code of Object.values(ReasonCode)) {
    expect(reasonName(code)).not.toMatch(/^Reason Code/);
    expect(packets.some((packet) => isReasonCodeOf(packet, code))).toBe(true);
  }
});

test("isReasonCodeOf knows which packet may carry which code", () => {
  expect(isReasonCodeOf("PUBREC", ReasonCode.NoMatchingSubscribers)).toBe(true);
  expect(isReasonCodeOf("PUBCOMP", ReasonCode.NoMatchingSubscribers)).toBe(false);
  expect(isReasonCodeOf("CONNACK", ReasonCode.SessionTakenOver)).toBe(false);
  expect(isReasonCodeOf("DISCONNECT", ReasonCode.SessionTakenOver)).toBe(true);
  expect(isReasonCodeOf("PINGREQ", 0)).toBe(false);
  expect(isReasonCodeOf("SUBACK", 300)).toBe(false);
});
