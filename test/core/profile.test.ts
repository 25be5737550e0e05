import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifier, isProtectedClass, isSyncedClass } from '#core/classify.ts';
import { profileDigest, profileSchema } from '#core/profile.ts';
import { PROFILE } from './samples.ts';

const classOf = classifier(PROFILE);

describe('a profile', () => {
  test.each([
    ['firmware/v1/boot.bin', 'firmware'],
    ['site.cfg', 'configuration'],
    ['deep/down/site.cfg', 'configuration'],
    ['deep/down/site.dat', 'unrecognised'],
    ['a.log', 'ignore'],
    ['a.lic', 'license'],
    ['.lic', 'license'],
    ['firmware/a.lic', 'license'],
    ['licenses/readme.cfg', 'license'],
    ['.hidden/licenses/.x', 'license'],
  ])('puts %s into class %s', (path, expected) => {
    expect(classOf(path)).toBe(expected);
  });

  test('takes the first rule that matches', () => {
    expect(classOf('firmware/a.cfg')).toBe('firmware');
  });

  test('protects whatever an earlier rule says', () => {
    const rules = [
      { class: 'ignore', match: ['**'] },
      { class: 'identity', match: ['host.key'] },
    ];
    expect(classifier({ ...PROFILE, rules })('host.key')).toBe('identity');
  });

  test('protects every alias of a protected name', () => {
    const rules = [{ class: 'license', match: ['Schlüssel/**', '**/*.LIC', 'ΝΌΜΟΣ*'] }];
    const isLicense = classifier({ ...PROFILE, rules });
    const nameArbitrary = fc.constantFrom(
      'Schlüssel/x',
      'schlüssel/Ä.bin',
      'deep/ÉTÉ.lic',
      'a.LIC',
      'νόμος',
      'Νόμος.txt',
    );
    const aliasArbitrary = fc.constantFrom<(name: string) => string>(
      (name) => name.toUpperCase(),
      (name) => name.toLowerCase(),
      (name) => name.normalize('NFD'),
      (name) => name.toUpperCase().normalize('NFD'),
      (name) => name.normalize('NFC'),
    );
    fc.assert(
      fc.property(nameArbitrary, fc.array(aliasArbitrary, { maxLength: 3 }), (name, aliases) => {
        expect(isLicense(aliases.reduce<string>((spelled, alias) => alias(spelled), name))).toBe('license');
      }),
    );
  });

  test('has a digest that does not depend on the order of its fields', () => {
    const { name, version, rules } = PROFILE;
    expect(profileDigest({ rules, version, name })).toBe(profileDigest(PROFILE));
    expect(profileDigest({ ...PROFILE, version: 2 })).not.toBe(profileDigest(PROFILE));
    expect(profileDigest({ ...PROFILE, rules: rules.toReversed() })).not.toBe(profileDigest(PROFILE));
  });

  test.each([
    ['a class of its own for what no rule matches', { class: 'unrecognised', match: ['x'] }],
    ['a class that is not a word', { class: 'Firm Ware', match: ['x'] }],
    ['a rule without globs', { class: 'firmware', match: [] }],
    ['a field that it does not know', { class: 'firmware', match: ['x'], exec: 'rm' }],
  ])('may not have %s', (_, rule) => {
    expect(profileSchema.safeParse({ ...PROFILE, rules: [rule] }).success).toBe(false);
  });
});

describe('the version file that a profile may name', () => {
  const withFile = (path: string) => profileSchema.safeParse({ ...PROFILE, product: { 'version-file': path } });

  test('needs no prefix', () => {
    expect(withFile('bin/version.txt').data?.product).toEqual({ 'version-file': 'bin/version.txt', prefix: '' });
  });

  test.each([
    ['outside of the root', '../version.txt', /climbs/],
    ['a license file, by any spelling', 'Licenses/version.txt', /license or identity/],
  ])('may not be %s', (_, path, problem) => {
    expect(withFile(path).error?.issues[0]?.message).toMatch(problem);
  });

  test('is a part of what both sides must have in common', () => {
    const { data } = withFile('bin/version.txt');
    expect(data && profileDigest(data)).not.toBe(profileDigest(PROFILE));
  });
});

test('licenses and identity are protected; they, ignored and unrecognised files do not travel', () => {
  expect(['license', 'identity', 'ignore', 'firmware'].map(isProtectedClass)).toEqual([true, true, false, false]);
  expect(['license', 'identity', 'ignore', 'unrecognised', 'firmware'].map(isSyncedClass)).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});
