import { expect, test } from "vitest";
import { plantedDefects } from "./fail-points/planted.mjs";
import { killBrokers } from "./kills.ts";

/** What the checker says of each: not that somebody waits in vain, which a slow machine can do as well. */
const findings: Readonly<Record<string, RegExp>> = {
  "acknowledges before it stores": /: (lost|wrong retained message|QoS 2 message twice|invented)/,
  "forgets an inbox": /: lost message/,
  "forgets retained messages": /: wrong retained message/,
  "forgets subscriptions": /: lost message/,
  "forgets received identifiers": /: QoS 2 message twice/,
  "forgets what was released": /: QoS 2 message twice|: lost message/,
  "forgets the end of sessions": /: (session that should have ended|delivery without subscription)/,
  "forgets sessions": /: lost session/,
  "forgets wills": /: lost message: \S+ has not got keeper/,
};

test.each(plantedDefects)(
  "a store that %s is found out",
  async (plant) => {
    const { violations } = await killBrokers({ seed: 3, kills: 30, durability: "os", plant });
    expect(violations.join("\n")).toMatch(findings[plant]!);
  },
  120_000,
);
