import { defineConfig } from 'vitest/config';
import { ClosingLineReporter } from './test/support/closing-line-reporter.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Needs Wine: npm run test:windows.
    exclude: ['test/windows/**'],
    passWithNoTests: false,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes, sockets and locks on a machine that others share. The last lines name every test that needed it.
    retry: 1,
    reporters: ['default', new ClosingLineReporter()],
  },
});
