import { settled } from "@dunlin/test-kit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dice } from "./dice.ts";
import { FuzzWorld } from "./fuzz-world.ts";

/** DUNLIN_FUZZ_SEEDS: how many seeds to try; DUNLIN_FUZZ_SEED: the one to replay. */
const { DUNLIN_FUZZ_SEEDS, DUNLIN_FUZZ_SEED } = process.env;
const first = Number(DUNLIN_FUZZ_SEED ?? 1);
const count = DUNLIN_FUZZ_SEED === undefined ? Number(DUNLIN_FUZZ_SEEDS ?? 120) : 1;
const STEPS = 150;

const escaped: unknown[] = [];
const onEscaped = (error: unknown): void => void escaped.push(error);

beforeAll(() => {
  process.on("uncaughtException", onEscaped);
  process.on("unhandledRejection", onEscaped);
});

afterAll(() => {
  process.off("uncaughtException", onEscaped);
  process.off("unhandledRejection", onEscaped);
});

test(`${count} times, two clients send what they like: all are answered or closed, and nothing is left behind`, {
  timeout: 20_000 + count * 500,
}, async () => {
  for (let seed = first; seed < first + count; seed++) {
    await new FuzzWorld(new Dice(seed)).run(STEPS).catch((cause: unknown) => {
      throw new Error(`DUNLIN_FUZZ_SEED=${seed} fails: ${(cause as Error).message}`, { cause });
    });
    await settled();
    expect(escaped, `DUNLIN_FUZZ_SEED=${seed}`).toEqual([]);
  }
});
