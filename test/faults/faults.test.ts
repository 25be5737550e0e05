import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ended } from '#test/support/programs.ts';

/** A sample, so that it takes no more than its share of `npm test`: `npm run faults` tries all. */
it('leaves the old tree or the new one, says which, and leaves nothing else behind, whatever call fails or is the last', async () => {
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [program, '--every', '311'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const { code, stderr, stdout } = await ended(child);
  expect(stdout, stderr).toMatch(/\d+ faults, 0 between, 0 wrong\n$/);
  expect(code).toBe(0);
}, 600_000);
