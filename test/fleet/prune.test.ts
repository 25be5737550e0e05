import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { noise } from '#test/agents/noise.ts';
import { Programs } from '#test/support/programs.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { writeTree } from '#test/support/trees.ts';

let folder: string;
let programs: Programs;

beforeEach(async () => {
  folder = await temporaryFolder();
  programs = new Programs({ XDG_STATE_HOME: join(folder, 'state'), LOCKSTEP_STORE: '' });
  writeTree(join(folder, 'source'), { 'always.bin': noise('always', 300_000) });
  for (const name of ['first', 'second']) writeTree(join(folder, name), { 'other.txt': 'of its own' });
});

afterEach(() => programs.stop());

async function lockstep(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stderr, stdout } = await programs.run('lockstep', [...words, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function release(name: string, destination: string): Promise<void> {
  writeFileSync(join(folder, 'source', 'release.bin'), noise(name, 1_000_000));
  const result = await lockstep('sync', join(folder, 'source'), join(folder, destination), '--yes');
  expect(result).toMatchObject({ verdict: 'SUCCEEDED' });
  for (const file of ['release.bin', 'always.bin']) {
    const [here, there] = ['source', destination].map((one) => readFileSync(join(folder, one, file)));
    expect(here?.equals(there as Buffer)).toBe(true);
  }
}

it('after three releases and a prune a new destination gets the newest, and one that had been removed again', {
  timeout: 300_000,
}, async () => {
  for (const name of ['one', 'two', 'three']) await release(name, 'first');
  const all = ['--keep', '1', '--keep-days', '0', '--grace-days', '0', '--yes'];
  const { packs, snapshots } = await lockstep('prune', ...all);
  expect(snapshots).toMatchObject({ kept: { objects: 1 }, removed: { objects: 2 } });
  // The first release shares a pack with what is needed still.
  expect(packs).toMatchObject({ kept: { objects: 2 }, removed: { objects: 1 } });
  expect((packs as { removed: { bytes: number } }).removed.bytes).toBeGreaterThan(900_000);
  await release('three', 'second');
  await release('two', 'second');
  await release('three', 'second');
});
