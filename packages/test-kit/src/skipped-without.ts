import type { TestOptions } from "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** Why the test is skipped; `npm test` prints it. */
    skipReason?: string;
  }
}

/** Options of a test or a suite: it is skipped where `missing` says what it cannot do without. */
export function skippedWithout(missing: string | undefined): TestOptions {
  return missing === undefined ? {} : { skip: true, meta: { skipReason: missing } };
}
