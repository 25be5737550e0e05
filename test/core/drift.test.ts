import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findDifferences } from '#core/differences.ts';
import { filesAfter, filesOf, findDrift, StateSum } from '#core/drift.ts';
import { createManifest } from '#core/manifest.ts';
import { applyOperations } from '#test/support/pure-apply.ts';
import { treeArbitrary } from './arbitraries.ts';
import { manifestOf, PROFILE_DIGEST } from './samples.ts';

function statesOf(files: Parameters<StateSum['over']>[0]) {
  const sum = new StateSum();
  const passed = [...sum.over(files)];
  return { passed, ...sum.states() };
}

describe('the files after an apply', () => {
  test('are those that the operations make of the manifest before, and so are both states', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, fc.constantFrom('overwrite', 'mirror'), (ours, theirs, mode) => {
        const [source, before] = [manifestOf(ours), manifestOf(theirs)];
        const { conflicts, operations } = findDifferences(source.entries, before.entries, { mode });
        fc.pre(conflicts.length === 0);
        const after = createManifest(PROFILE_DIGEST, applyOperations(before.entries, operations));
        const { passed, protectedState, state } = statesOf(filesAfter(before.entries, operations));
        expect(passed.map(({ path, sha256 }) => ({ path, sha256 }))).toEqual(
          [...filesOf(after.entries)].map(({ path, sha256 }) => ({ path, sha256 })),
        );
        expect({ protectedState, state }).toEqual({
          protectedState: after.summary.protectedState,
          state: after.summary.state,
        });
      }),
    );
  });
});

describe('drift', () => {
  test('is what was changed, is missing, or was added, in order of path, licenses too', () => {
    const expected = manifestOf({ 'a.cfg': 'old', 'b.cfg': 'b', 'firmware/f': 'ff', 'x.lic': 'license' });
    const found = manifestOf({ 'a.cfg': 'new', 'c.cfg': 'ccc', 'firmware/f': 'ff', 'x.lic': 'another' });
    expect([...findDrift(filesOf(expected.entries), filesOf(found.entries))]).toEqual([
      { change: 'changed', class: 'configuration', path: 'a.cfg', isProtected: false, size: 3 },
      { change: 'missing', class: 'configuration', path: 'b.cfg', isProtected: false, size: 1 },
      { change: 'added', class: 'configuration', path: 'c.cfg', isProtected: false, size: 3 },
      { change: 'changed', class: 'license', path: 'x.lic', isProtected: true, size: 7 },
    ]);
  });

  test('is there exactly where one of the two states differs', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (one, other) => {
        const [expected, found] = [manifestOf(one), manifestOf(other)];
        const isSame =
          expected.summary.state === found.summary.state &&
          expected.summary.protectedState === found.summary.protectedState;
        expect([...findDrift(filesOf(expected.entries), filesOf(found.entries))].length === 0).toBe(isSame);
      }),
    );
  });

  test('names each path once, and every path that is on one side only', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (one, other) => {
        const [expected, found] = [manifestOf(one), manifestOf(other)];
        const drift = [...findDrift(filesOf(expected.entries), filesOf(found.entries))];
        const [ours, theirs] = [expected, found].map(
          ({ entries }) => new Map([...filesOf(entries)].map(({ path, sha256 }) => [path as string, sha256])),
        );
        const paths = [...new Set([...(ours?.keys() ?? []), ...(theirs?.keys() ?? [])])].sort();
        expect(drift.map(({ change, path }) => [change, path])).toEqual(
          paths.flatMap((path) => {
            if (ours?.has(path) !== true) return [['added', path]];
            if (theirs?.has(path) !== true) return [['missing', path]];
            return ours.get(path) === theirs.get(path) ? [] : [['changed', path]];
          }),
        );
      }),
    );
  });
});
