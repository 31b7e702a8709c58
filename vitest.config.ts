import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["x-source"] },
  ssr: { resolve: { conditions: ["x-source"] } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "conformance/**/*.test.ts",
      "benchmarks/**/*.test.ts",
      "examples/**/*.test.ts",
    ],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
