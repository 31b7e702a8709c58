import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "../ports/random.ts";

/** Unpredictable numbers from the operating system. */
export const nodeRandom: Random = {
  below: (bound) => randomInt(bound),
  hex: (length) =>
    randomBytes(Math.ceil(length / 2))
      .toString("hex")
      .slice(0, length),
};
