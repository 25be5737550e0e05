/**
 * Syncs two servers to and fro, with the agents and the controller killed at any moment. Ends with 1 when a tree was
 * neither old nor new, or a verdict was not true.
 */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { table } from 'table';
import type { Scale } from '#bench/fleet/trees.ts';
import { ProgressBar } from '#test/support/progress-bar.ts';
import { parseCount, readOptions } from '#test/support/read-options.ts';
import { type SoakResults, soak } from './soak.ts';
import { SoakedFleet } from './soaked-fleet.ts';

const options = readOptions<{ kills: number; scale: Scale; seed: string; keep: boolean }>(
  new Command('soak')
    .description('Syncs two servers to and fro, with the agents and the controller killed at any moment.')
    .option('--kills <number>', 'how many', parseCount, 500)
    .addOption(new Option('--scale <scale>', 'size of the trees').choices(['small', 'full']).default('full'))
    .option('--seed <text>', 'the same kills again, as far as time allows', String(Math.floor(Math.random() * 1e9)))
    .option('--keep', 'leave the temporary folder, and say where it is', false)
    .addHelpText('after', '\nExample:\n  npm run soak -- --kills 50 --scale small --seed 7\n'),
);

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

process.exitCode = await main();

async function main(): Promise<number> {
  const { keep, kills, scale, seed } = options;
  say(`${kills} kills, scale ${scale}, seed ${seed}: npm run soak -- --kills ${kills} --scale ${scale} --seed ${seed}`);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-soak-')));
  // Programs start by the hundred.
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled');
  const fleet = new SoakedFleet(folder);
  try {
    await fleet.start(scale);
    const bar = new ProgressBar();
    const onProgress = (results: SoakResults) =>
      bar.show(results.kills, kills, `${results.syncs} syncs, ${results.wrongs.length} wrong`);
    const results = await soak({ fleet, kills, seed, signal: stopping.signal, onProgress });
    bar.end();
    return report(results, seed);
  } finally {
    await fleet.stop();
    if (keep) say(`everything is left in ${folder}`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function report({ killed, kills, syncs, verdicts, wrongs }: SoakResults, seed: string): number {
  const drawHorizontalLine = (line: number, count: number) => line <= 1 || line === count;
  const show = (rows: readonly (readonly (string | number)[])[]) =>
    process.stdout.write(
      table(
        rows.map((row) => [...row]),
        { drawHorizontalLine },
      ),
    );
  show([['killed', 'times'], ...[...killed].sort()]);
  const counts = [...verdicts].sort().map(([verdict, row]) => [verdict, row.old, row.new, row.between]);
  show([['verdict of a destination', 'old', 'new', 'between'], ...counts]);
  for (const wrong of wrongs) process.stdout.write(`${wrong}\n`);
  const between = [...verdicts.values()].reduce((sum, row) => sum + row.between, 0);
  process.stdout.write(`${kills} kills in ${syncs} syncs, ${between} between, ${wrongs.length} wrong; seed ${seed}\n`);
  if (stopping.signal.aborted) return 130;
  return wrongs.length > 0 ? 1 : 0;
}

function say(line: string): void {
  process.stderr.write(`soak: ${line}\n`);
}
