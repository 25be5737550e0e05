import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const PROJECT = resolve(import.meta.dirname, '../..');

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What is left in the temporary folder. */
  readonly left: readonly string[];
}

async function bench(...args: string[]): Promise<Ran> {
  const folder = await temporaryFolder();
  const ran = await new Promise<Omit<Ran, 'left'>>((done) => {
    const options = { cwd: PROJECT, env: { ...process.env, TMPDIR: folder }, maxBuffer: 16 * 1024 * 1024 };
    execFile(process.execPath, [join(PROJECT, 'bench/main.ts'), ...args], options, (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
  return { ...ran, left: readdirSync(folder) };
}

it('measures a case to its end, says who is missing, and leaves nothing behind', { timeout: 180_000 }, async ({
  skip,
}) => {
  const { code, left, stderr, stdout } = await bench(
    '--scale',
    'small',
    '--case',
    'delta-bytes',
    '--runs',
    '1',
    '--json',
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { cases, missing } = JSON.parse(stdout);
  expect(cases).toMatchObject([
    {
      name: 'delta-bytes',
      ours: {
        wall: expect.any(Number),
        wire: {
          up: expect.any(Number),
          down: expect.any(Number),
          requests: expect.any(Number),
          parties: { source: { methods: expect.any(Object) }, destination: {}, control: {} },
        },
      },
    },
  ]);
  for (const program of missing) expect(stderr).toContain(`${program} is not installed`);
  expect(left).toEqual([]);
  if (missing.includes('rsync')) skip('rsync is not installed: no ratio to look at');
  expect(cases[0].ratio).toBeCloseTo(
    Math.max(cases[0].ours.wire.up, cases[0].ours.wire.down) / cases[0].peers.rsync.wire.link,
  );
});

it.each([
  [['--case', 'no-such-case'], /no-such-case/],
  [['--runs', '0'], /whole number/],
  [['--scale', 'huge'], /small, full/],
])('refuses %j', async (args, message) => {
  const { code, stderr } = await bench(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
