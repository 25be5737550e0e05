import { defineConfig } from 'vitest/config';
import { ClosingLineReporter } from './test/support/closing-line-reporter.ts';

/** Needs what test/windows/main.ts prepares: start it with `npm run test:windows`. */
export default defineConfig({
  test: {
    include: ['test/windows/**/*.test.ts'],
    passWithNoTests: false,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', new ClosingLineReporter()],
  },
});
