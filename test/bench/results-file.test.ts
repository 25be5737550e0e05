import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readResults, writeResults } from '#bench/results-file.ts';
import type { CaseResult } from '#bench/run-case.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const CASE: CaseResult = {
  name: 'delta',
  ours: { wall: 1, runs: [{ wall: 1 }] },
  peers: {},
  ratio: null,
  ratios: [],
  goals: [],
};

it('keeps the finished cases for the next run of the same kind, and refuses another kind', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'results.json');
  expect(readResults(file, { scale: 'small', runs: 3 })).toEqual([]);
  writeResults(file, { scale: 'small', runs: 3, cases: [CASE] });
  expect(readResults(file, { scale: 'small', runs: 3 })).toEqual([CASE]);
  expect(() => readResults(file, { scale: 'full', runs: 3 })).toThrow('scale small and 3 runs');
  expect(() => readResults(file, { scale: 'small', runs: 5 })).toThrow('name another file');
  expect(readdirSync(folder)).toEqual(['results.json']);
});
