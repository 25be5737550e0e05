/**
 * Runs the agent's bundle on a real node.exe under Wine, through test/windows/*.test.ts. Ends with 69, as a service that
 * is not there, when this machine cannot run Windows programs; then the last line on stderr says why.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NoWindows, prepareWindows, type Wine } from './prepare.ts';

const UNAVAILABLE = 69;
const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let wine: Wine;
  try {
    wine = await prepareWindows();
  } catch (error) {
    if (!(error instanceof NoWindows)) throw error;
    process.stderr.write(`test:windows: NOT RUN. ${error.message}\n`);
    return UNAVAILABLE;
  }
  try {
    return await runTests(wine, args);
  } finally {
    await wine.stop();
  }
}

async function runTests({ loader }: Wine, args: readonly string[]): Promise<number> {
  const vitest = `${PROJECT}node_modules/vitest/vitest.mjs`;
  const child = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.windows.config.ts', ...args], {
    cwd: PROJECT,
    stdio: 'inherit',
    env: { ...process.env, LOCKSTEP_WINE: loader },
  });
  // What was started under Wine is ended also when this is.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
