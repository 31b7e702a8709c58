import { describe, expect, it } from "vitest";
import { generateScenario } from "./generate-scenario.ts";
import { plantedBugs } from "./planted-bugs.ts";
import { shrink } from "./shrink.ts";
import { findBug, play } from "./world.ts";

const seeds = 400;
const steps = 100;
const batches = 4;
const mostSeedsForABug = 2000;

describe("the broker under a simulated network, store and clock", () => {
  it.each(Array.from({ length: batches }, (_, batch) => batch))(
    `holds its promises, batch %i of ${batches} of ${seeds} seeds`,
    async (batch) => {
      for (let seed = batch + 1; seed <= seeds; seed += batches) {
        const { violations } = await play(generateScenario(seed, steps));
        expect(violations, `npm run simulate -- --seed ${seed} --steps ${steps}`).toEqual([]);
      }
    },
    60_000,
  );

  it("does the same under the same seed", async () => {
    for (const seed of [3, 4, 5]) {
      const [first, second] = [
        await play(generateScenario(seed, 300)),
        await play(generateScenario(seed, 300)),
      ];
      expect(second.story).toEqual(first.story);
      expect(second.traceHash).toBe(first.traceHash);
      expect(first.messagesReceived).toBeGreaterThan(0);
    }
    const [one, other] = [await play(generateScenario(3, 60)), await play(generateScenario(4, 60))];
    expect(one.traceHash).not.toBe(other.traceHash);
  });
});

describe("a planted bug", () => {
  it.each(plantedBugs)(
    "is found: $name",
    async (plant) => {
      const found = await findBug(plant, mostSeedsForABug, steps);
      expect(found?.violations.map(({ rule }) => rule)).toContain(plant.rule);
    },
    60_000,
  );

  it("shows in fewer steps, which tell the story", async () => {
    const [plant] = plantedBugs;
    if (plant === undefined) throw new Error("no bug is planted");
    const found = await findBug(plant, mostSeedsForABug, steps);
    if (found === undefined) throw new Error("the bug was not found");
    const fails = async (scenario: typeof found.scenario): Promise<boolean> =>
      (await play(scenario, { plant })).violations.length > 0;
    const smallest = await shrink(found.scenario, fails);
    expect(smallest.steps.length).toBeLessThan(steps / 2);
    expect((await play(smallest)).violations).toEqual([]);
    const { story, violations } = await play(smallest, { plant });
    expect(story.join("\n")).toContain(violations[0]?.message);
  }, 60_000);
});
