import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { root } from "./run-command.mjs";

/**
 * @typedef {object} TestSummary
 * @property {number} passed
 * @property {number} failed tests, files that could not be loaded, and errors outside of any test
 * @property {{ test: string, reason: string }[]} skipped
 */

/**
 * Writes a TestSummary to the file that DUNLIN_TEST_SUMMARY names. Vitest's own JSON report has neither the reason
 * of a skipped test nor the errors outside of tests.
 */
export default class SummaryReporter {
  /**
   * @param {readonly import("vitest/node").TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {TestSummary} */
    const summary = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      const file = relative(root, module.moduleId);
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") summary.passed += 1;
        else if (result.state === "failed") failedTests += 1;
        else {
          const reason = ("note" in result && result.note) || test.meta().skipReason;
          // Or else what is never run would be forgotten.
          if (!reason) failedTests += 1;
          summary.skipped.push({
            test: `${file} > ${test.fullName}`,
            reason: reason || "FAILED, as it gives no reason",
          });
        }
      }
      // A file can fail without a failed test: it does not load, has no test, or a hook of it throws.
      summary.failed += failedTests === 0 && module.state() === "failed" ? 1 : failedTests;
    }
    const path = process.env["DUNLIN_TEST_SUMMARY"];
    if (path) writeFileSync(path, JSON.stringify(summary));
  }
}
