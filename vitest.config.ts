import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests run on the sources of every package, not on what was built last.
  resolve: { conditions: ["x-source"] },
  ssr: { resolve: { conditions: ["x-source"] } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "conformance/**/*.test.ts",
      "crash/**/*.test.ts",
      "simulator/**/*.test.ts",
      "benchmarks/**/*.test.ts",
      "examples/**/*.test.ts",
    ],
    // Processes rather than threads: LMDB is native code with a state per process, and one test's crash is its own.
    pool: "forks",
    // Most of a test of a broker is waiting for the other side.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
