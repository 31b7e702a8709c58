import { createMemoryListener, FakeClock } from "@dunlin/test-kit";
import { describe, expect, test } from "vitest";
import { BrokerError } from "./errors.ts";
import { type BrokerLimits, type BrokerOptions, defaultLimits, resolveOptions } from "./options.ts";
import { createMemoryStore } from "./storage/memory-store.ts";
import { nodeRandom } from "./transport/node-random.ts";

const platform = { clock: new FakeClock(), random: nodeRandom, store: createMemoryStore() };

function problemOf(options: BrokerOptions): string {
  try {
    resolveOptions(options, platform);
  } catch (error) {
    expect(error).toBeInstanceOf(BrokerError);
    expect((error as BrokerError).code).toBe("DUNLIN_OPTION");
    return (error as BrokerError).message;
  }
  return "none";
}

describe("resolveOptions", () => {
  test("puts every default in place", () => {
    const options = resolveOptions({}, platform);
    expect(options.limits).toEqual(defaultLimits);
    expect(Object.entries(options).filter(([, value]) => value === undefined)).toEqual([
      ["authenticator", undefined],
      ["authorizer", undefined],
    ]);
    expect(options.store).toBe(platform.store);
  });

  test("keeps what is given", () => {
    const limits = { maximumSessions: 7 };
    const options = resolveOptions({ limits, sysIntervalSeconds: 0, validatePayloadFormat: false }, platform);
    expect(options.limits).toEqual({ ...defaultLimits, maximumSessions: 7 });
    expect([options.sysIntervalSeconds, options.validatePayloadFormat]).toEqual([0, false]);
  });

  test.each(Object.keys(defaultLimits) as (keyof BrokerLimits)[])(
    "refuses a senseless %s by its name",
    (name) => {
      for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "9" as unknown as number]) {
        expect(problemOf({ limits: { [name]: value } })).toContain(`limits.${name} is ${value}`);
      }
      expect(problemOf({ limits: { [name]: defaultLimits[name] } })).toBe("none");
    },
  );

  test.each([
    ["receiveMaximum", 65_536],
    ["maximumInflight", 65_535],
    ["topicAliasMaximum", 65_536],
    ["outboundTopicAliasMaximum", 65_536],
    ["maximumKeepAliveSeconds", 65_536],
    ["maximumPacketSize", 268_435_461],
    ["maximumTopicLength", 65_536],
    ["maximumSessionExpiryIntervalSeconds", 0x1_0000_0000],
  ])("refuses a %s of %d, which MQTT cannot express", (name, value) => {
    expect(problemOf({ limits: { [name]: value } })).toContain(`limits.${name} is ${value}`);
    expect(problemOf({ limits: { [name]: value - 1 } })).toBe("none");
  });

  test("keeps room for the broker's own topics", () => {
    expect(problemOf({ limits: { maximumTopicLength: 63 } })).toContain("from 64 to 65535");
    expect(problemOf({ limits: { maximumTopicLevels: 7 } })).toContain("from 8 to");
  });

  test("refuses a limit that does not exist", () => {
    expect(problemOf({ limits: { maximumFoo: 1 } as object })).toContain("maximumFoo");
  });

  test("checks the limits of listeners too", () => {
    const listener = createMemoryListener({ limits: { receiveMaximum: 0 } });
    expect(problemOf({ listeners: [listener] })).toContain("limits.receiveMaximum is 0");
  });
});
