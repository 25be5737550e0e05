import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { AVERAGES } from '#agents/gear.ts';
import type { SweepRow } from '#bench/children/sweep.ts';
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

it('tries other averages with the cutter and the coder of the agent, and marks ours', {
  timeout: 180_000,
}, async () => {
  const { left, stdout } = await bench('--scale', 'small', '--case', 'sweep', '--json');
  const [{ ours }] = JSON.parse(stdout).cases;
  const rows = ours.sweep as readonly SweepRow[];
  expect(rows.map(({ average, files }) => `${files} ${average / 1024}`).join(', ')).toBe(
    'medium 8, medium 16, medium 32, medium 64, medium 128, large 8, large 16, large 32, large 64, large 128',
  );
  expect(rows.filter(({ chosen }) => chosen).map(({ average }) => average)).toEqual([AVERAGES.medium, AVERAGES.large]);
  for (const { next, nextWithoutDeltas } of rows) expect(next).toBeLessThan(nextWithoutDeltas);
  expect(left).toEqual([]);
});

it('goes on where it was interrupted', { timeout: 180_000 }, async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'results.json');
  const result = { name: 'workload-swap', ours: { wall: 1, runs: [] }, peers: {}, ratio: null, ratios: [], goals: [] };
  writeFileSync(file, JSON.stringify({ scale: 'small', runs: 1, cases: [result] }));
  const only = ['--scale', 'small', '--runs', '1', '--json', '--resume', file];
  const { code, stdout } = await bench(...only, '--case', 'workload-swap', '--case', 'workload-shrink');
  expect(code).toBe(0);
  const { cases } = JSON.parse(stdout);
  expect(cases).toMatchObject([result, { name: 'workload-shrink', ours: { wire: { up: expect.any(Number) } } }]);
  expect(JSON.parse(readFileSync(file, 'utf8')).cases).toEqual(cases);
});

it('says what it leaves out', async () => {
  const { code, stderr, stdout } = await bench('--scale', 'small', '--case', 'agents-large', '--json');
  expect({ code, cases: JSON.parse(stdout).cases }).toEqual({ code: 0, cases: [] });
  expect(stderr).toContain('agents-large is left out: the file of 5 GB is for full scale');
  expect(JSON.parse(stdout).skipped).toHaveProperty('agents-large');
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
