import { expect, test } from 'vitest';
import { needAcknowledgement, type Removals } from '#core/removals.ts';

test.each<[string, Removals, boolean]>([
  ['nothing', { removed: 0, held: 100, maxPercent: undefined }, false],
  ['what the plan names file by file, whatever its share', { removed: 10, held: 10, maxPercent: undefined }, false],
  ['a tenth of the files', { removed: 11, held: 110, maxPercent: undefined }, false],
  ['more than a tenth', { removed: 11, held: 109, maxPercent: undefined }, true],
  ['a share that was asked for', { removed: 50, held: 100, maxPercent: 50 }, false],
  ['one file beyond the share that was asked for', { removed: 1, held: 100, maxPercent: 0 }, true],
  ['all files, where that was asked for', { removed: 100, held: 100, maxPercent: 100 }, false],
])('to remove %s', (_, removals, needed) => {
  expect(needAcknowledgement(removals)).toBe(needed);
});
