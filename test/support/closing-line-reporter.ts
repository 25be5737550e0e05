import type { SerializedError } from 'vitest';
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Ends a run with one plain line, `N passed, N failed` (and `, N skipped`), after everything else on stdout, so
 * that a machine can read the result off the last line. A file or a hook that breaks counts as a failure.
 */
export class ClosingLineReporter implements Reporter {
  #closingLine = '0 passed, 1 failed';

  onInit(): void {
    process.once('exit', () => process.stdout.write(`${this.#closingLine}\n`));
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const broken = modules.flatMap((module) => [module, ...module.children.allSuites()]).flatMap((one) => one.errors());
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failures = tests.filter((test) => test.result().state === 'failed').length;
    const failed = Math.max(failures + broken.length + unhandledErrors.length, reason === 'passed' ? 0 : 1);
    const skipped = tests.length - passed - failures;
    this.#closingLine = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    for (const [why, count] of countSkipped(modules)) process.stdout.write(`skipped ${count} in ${why}\n`);
    for (const test of tests.filter((one) => one.diagnostic()?.flaky))
      process.stdout.write(`failed first, then passed: ${test.module.relativeModuleId}: ${test.fullName}\n`);
  }
}

/** `file: reason` -> how many tests were skipped for it. */
function countSkipped(modules: readonly TestModule[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const module of modules) {
    for (const test of module.children.allTests('skipped')) {
      const result = test.result();
      const note = result.state === 'skipped' ? result.note : undefined;
      const why = `${module.relativeModuleId}: ${note ?? 'no reason given'}`;
      counts.set(why, (counts.get(why) ?? 0) + 1);
    }
  }
  return counts;
}
