import { describe, expect, test } from 'vitest';
import { findDifferences } from '#core/differences.ts';
import type { Compatibility } from '#core/fleet.ts';
import { findGuardRefusal, type GuardRefusal } from '#core/guards.ts';
import { createManifest, type ManifestEntry } from '#core/manifest.ts';
import type { ServerFacts } from '#core/server.ts';
import type { SyncPolicy } from '#core/sync.ts';
import { DESTINATION, digest, manifestOf, POLICY, SOURCE } from './samples.ts';

const LINUX: ServerFacts = { platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1e9 };
const WINDOWS: ServerFacts = { ...LINUX, platform: 'win32', foldsNames: true, windowsNames: true };

interface Situation {
  readonly source: Record<string, string>;
  readonly destination: Record<string, string>;
  readonly facts?: Partial<ServerFacts>;
  readonly sourceVersion?: string;
  readonly compatibility?: readonly [source: Compatibility, destination: Compatibility];
  readonly formerClasses?: readonly string[];
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

describe('where the source has no file of a class that the destination has, the guards', () => {
  const source = { 'a.cfg': '1', 'b.cfg': '1' };
  const destination = { 'a.cfg': '1', 'firmware/x': '1', 'firmware/y': '1' };
  const mirror: Situation = { source, destination, policy: { mode: 'mirror' } };

  test('refuse a mirror, and name the flag', () => {
    expect(refusalOf(mirror)).toMatch(
      /no file of class firmware, of which the destination holds 2;.*--allow-vanished firmware/,
    );
    expect(refusalOf({ ...mirror, policy: { mode: 'mirror', allowVanished: ['configuration'] } })).toMatch(/firmware/);
    expect(refusalOf({ ...mirror, policy: { mode: 'mirror', allowVanished: ['firmware'] } })).toBeUndefined();
  });

  test('let a mirror pass that is restricted to other classes', () => {
    expect(refusalOf({ ...mirror, policy: { mode: 'mirror', only: ['configuration'] } })).toBeUndefined();
    expect(refusalOf({ ...mirror, policy: { mode: 'mirror', only: ['firmware'] } })).toMatch(
      /no file of class firmware/,
    );
  });

  test('refuse a mirror that leaves few of the files there, however many the source holds of other classes', () => {
    const situation: Situation = {
      source: { 'a.cfg': '1', 'firmware/x': '1', 'firmware/y': '1' },
      destination: { 'a.cfg': '1', 'b.cfg': '1', 'c.cfg': '1' },
      policy: { mode: 'mirror', only: ['configuration'] },
    };
    expect(refusalOf(situation)).toMatch(/leave 1 of 3 files.*--allow-shrink/);
    expect(refusalOf({ ...situation, policy: { ...situation.policy, allowShrink: true } })).toBeUndefined();
  });

  test('let the first overwriting sync from a smaller source pass', () => {
    expect(refusalOf({ source, destination })).toBeUndefined();
    expect(refusalOf({ source, destination, formerClasses: ['configuration'] })).toBeUndefined();
  });

  test('refuse to overwrite once the source had the class at the last sync', () => {
    const situation: Situation = { source, destination, formerClasses: ['configuration', 'firmware'] };
    expect(refusalOf(situation)).toMatch(/firmware.*at the last sync.*--allow-vanished firmware/);
    expect(refusalOf({ ...situation, policy: { allowVanished: ['firmware'] } })).toBeUndefined();
    expect(refusalOf({ ...situation, destination: { 'a.cfg': '1' } })).toBeUndefined();
  });
});

describe('where the profile names a version file, the guards', () => {
  const files: Situation = { source: { a: '1' }, destination: { a: '2' } };
  const versions = (source: string | undefined, destination: string | undefined): Situation => ({
    ...files,
    ...(source !== undefined && { sourceVersion: source }),
    facts: destination === undefined ? {} : { productVersion: destination },
  });

  test.each<[string, string | undefined, string | undefined]>([
    ['an older source', '13.1.9', '13.2'],
    ['an older source, number by number', '13.2', '13.10'],
    ['a source without a version', undefined, '13.2'],
  ])('refuse %s, and name the flag', (_, source, destination) => {
    expect(refusalOf(versions(source, destination))).toContain('--allow-downgrade');
    expect(refusalOf({ ...versions(source, destination), policy: { allowDowngrade: true } })).toBeUndefined();
  });

  test.each<[string, string | undefined, string | undefined]>([
    ['the same version', '13.2', '13.2.0'],
    ['a newer source', '14.0', '13.2.7'],
    ['a destination without the product', '13.2', undefined],
    ['two servers without it', undefined, undefined],
  ])('let pass %s', (_, source, destination) => {
    expect(refusalOf(versions(source, destination))).toBeUndefined();
  });
});

describe('by what the fleet file says, the guards', () => {
  const files: Situation = { source: { a: '1' }, destination: { a: '2' } };
  const north = { databasePasswordGroup: 'north', version: '13.1' };

  test('let servers pass that say the same', () => {
    expect(refusalOf({ ...files, compatibility: [north, north] })).toBeUndefined();
  });

  test('refuse two servers that differ in a value, and name it, both values and the field', () => {
    const detail = refusalOf({ ...files, compatibility: [north, { ...north, databasePasswordGroup: 'south' }] });
    expect(detail).toContain('databasePasswordGroup is "north" for lab/master and "south" for north/line-1');
    expect(detail).toContain('the same compatibility.databasePasswordGroup in the fleet file (sites.north)');
  });

  test.each<[string, readonly [Compatibility, Compatibility]]>([
    ['source', [north, { databasePasswordGroup: 'north' }]],
    ['destination', [{ databasePasswordGroup: 'north' }, north]],
  ])('refuse what is said of the %s only, and no flag allows it', (_, compatibility) => {
    const allowing = { allowShrink: true, allowDowngrade: true, allowVanished: ['configuration'] };
    expect(refusalOf({ ...files, compatibility, policy: allowing })).toMatch(/version is .*not given/);
  });
});

test('the guards refuse what the destination has no space for', () => {
  const situation = (freeBytes: number) => ({ source: { a: '12345' }, destination: {}, facts: { freeBytes } });
  expect(guardsOn(situation(4))).toMatchObject({
    reason: 'NO_SPACE',
    detail: expect.stringContaining('5 bytes, 4 are'),
  });
  expect(guardsOn(situation(5))).toBeUndefined();
});

function refusalOf(situation: Situation): string | undefined {
  return guardsOn(situation)?.detail;
}

function guardsOn({
  source,
  destination,
  facts,
  sourceVersion,
  compatibility = [{}, {}],
  formerClasses,
  policy,
  otherProfile = false,
  alsoThere = [],
}: Situation): GuardRefusal | undefined {
  const ours = manifestOf(source);
  const profile = otherProfile ? digest('another profile') : ours.summary.profile;
  const theirs = createManifest(profile, [...manifestOf(destination).entries, ...alsoThere]);
  const whole: SyncPolicy = { ...POLICY, ...policy };
  const ourFacts = { ...LINUX, ...(sourceVersion !== undefined && { productVersion: sourceVersion }) };
  return findGuardRefusal({
    source: { ...ours, server: SOURCE, facts: ourFacts, compatibility: compatibility[0] },
    destination: { ...theirs, server: DESTINATION, facts: { ...LINUX, ...facts }, compatibility: compatibility[1] },
    differences: findDifferences(ours.entries, theirs.entries, whole),
    formerClasses,
    policy: whole,
  });
}
