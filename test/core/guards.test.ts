import { describe, expect, test } from 'vitest';
import { findDifferences } from '#core/differences.ts';
import { findGuardRefusal } from '#core/guards.ts';
import { createManifest, type ManifestEntry } from '#core/manifest.ts';
import type { ServerFacts } from '#core/server.ts';
import type { SyncPolicy } from '#core/sync.ts';
import { digest, manifestOf, POLICY } from './samples.ts';

const LINUX: ServerFacts = { agent: '1', platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1e9 };
const WINDOWS: ServerFacts = { ...LINUX, platform: 'win32', foldsNames: true, windowsNames: true };

interface Situation {
  readonly source: Record<string, string>;
  readonly destination: Record<string, string>;
  readonly facts?: ServerFacts;
  readonly policy?: Partial<SyncPolicy>;
  readonly otherProfile?: boolean;
  readonly alsoThere?: readonly ManifestEntry[];
}

describe('the guards', () => {
  test('let an ordinary plan pass', () => {
    expect(
      refusalOf({ source: { 'a.cfg': '1', 'b.cfg': '1' }, destination: { 'a.cfg': '2' }, facts: WINDOWS }),
    ).toBeUndefined();
  });

  test('refuse a destination with another profile', () => {
    expect(refusalOf({ source: { a: '1' }, destination: { a: '1' }, otherProfile: true })).toMatch(/another profile/);
  });

  test('refuse a file in the place of something else at the destination', () => {
    expect(refusalOf({ source: { a: '1' }, destination: { 'a/b.cfg': '1' } })).toMatch(
      /file and a folder.*move it away/,
    );
  });
});

describe('against a source that shrank, the guards', () => {
  const many = { 'a.cfg': '1', 'b.cfg': '1', 'c.cfg': '1', 'd.cfg': '1' };

  test.each<[string, Situation, RegExp]>([
    ['refuse an empty source', { source: {}, destination: many }, /no file that travels/],
    ['refuse an empty source even for an empty destination', { source: {}, destination: {} }, /no file that travels/],
    ['refuse a source of licenses only', { source: { 'a.lic': '1' }, destination: many }, /no file that travels/],
    [
      'refuse less than half of the files',
      { source: { 'a.cfg': '1111' }, destination: many },
      /1 files, less than half/,
    ],
    [
      'refuse less than half of the bytes',
      { source: { a: '1' }, destination: { a: '333' } },
      /1 bytes, less than half/,
    ],
  ])('%s, and name the way out', (_, situation, message) => {
    expect(refusalOf(situation)).toMatch(message);
    expect(refusalOf(situation)).toContain('--allow-shrink');
    expect(refusalOf({ ...situation, policy: { allowShrink: true } })).toBeUndefined();
  });

  test('let exactly half pass', () => {
    expect(refusalOf({ source: { 'a.cfg': '1', 'b.cfg': '1' }, destination: many })).toBeUndefined();
  });

  test('let any source fill an empty destination', () => {
    expect(refusalOf({ source: { a: '1' }, destination: {} })).toBeUndefined();
  });
});

describe('where the file system folds names, the guards', () => {
  test.each<[string, Situation]>([
    ['two files of the source', { source: { 'A.cfg': '1', 'a.cfg': '1' }, destination: {} }],
    ['a file and one that stays', { source: { 'A.cfg': '1' }, destination: { 'a.cfg': '1' } }],
    [
      'a file and an unrecognised one',
      { source: { 'X.cfg': '1' }, destination: {}, alsoThere: [{ kind: 'unrecognised', path: 'x.CFG' }] },
    ],
    ['the two normal forms of one name', { source: { '\u00e9.cfg': '1' }, destination: { 'e\u0301.cfg': '1' } }],
    ['a folder and one that stays', { source: { 'Sub/new.cfg': '1' }, destination: { 'sub/old.cfg': '1' } }],
    ['two folders of the source', { source: { 'Sub/a.cfg': '1', 'sub/b.cfg': '1' }, destination: {} }],
    [
      'an empty folder and one that stays',
      { source: { 'a.cfg': '1', 'Sub/': '' }, destination: { 'sub/old.cfg': '1' } },
    ],
    ['an empty folder and another', { source: { 'a.cfg': '1', 'Sub/': '' }, destination: { 'sub/': '' } }],
  ])('refuse a collision of %s', (_, situation) => {
    expect(refusalOf({ ...situation, facts: WINDOWS })).toMatch(/one name at the destination: rename one/);
    expect(refusalOf({ ...situation, facts: LINUX })).toBeUndefined();
  });

  test('let a mirror replace a name by another spelling of it', () => {
    const situation = { source: { 'A.cfg': '1' }, destination: { 'a.cfg': '1' }, facts: WINDOWS };
    expect(refusalOf({ ...situation, policy: { mode: 'mirror' } })).toBeUndefined();
  });

  test('let pass what collides at the destination already, untouched', () => {
    expect(
      refusalOf({
        source: { 'x.cfg': '1', 'y.cfg': '1' },
        destination: { 'A.cfg': '1', 'a.cfg': '1' },
        facts: WINDOWS,
      }),
    ).toBeUndefined();
  });
});

test('where names are those of Windows, the guards refuse a name that it cannot store', () => {
  const situation = { source: { 'what?.cfg': '1' }, destination: {} };
  expect(refusalOf({ ...situation, facts: WINDOWS })).toMatch(/cannot be stored on Windows/);
  expect(refusalOf({ ...situation, facts: LINUX })).toBeUndefined();
});

function refusalOf({
  source,
  destination,
  facts = LINUX,
  policy,
  otherProfile = false,
  alsoThere = [],
}: Situation): string | undefined {
  const ours = manifestOf(source);
  const profile = otherProfile ? digest('another profile') : ours.summary.profile;
  const theirs = createManifest(profile, [...manifestOf(destination).entries, ...alsoThere]);
  const whole: SyncPolicy = { ...POLICY, ...policy };
  const differences = findDifferences(ours.entries, theirs.entries, { mode: whole.mode });
  return findGuardRefusal({ source: ours, destination: { ...theirs, facts }, differences, policy: whole });
}
