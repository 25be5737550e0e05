import { describe, expect, it } from 'vitest';
import { MASK, maskSecrets } from '#core/mask-secrets.ts';
import { profileDigest, profileSchema } from '#core/profile.ts';
import { secretRulesSchema, secretsAt } from '#core/secret-rules.ts';

const RULES = secretRulesSchema.parse([
  { match: ['conf/**/*.ini', '**/site.cfg'], keys: ['unlock*', '*-seed', 'x*y*y'] },
  { match: ['vault/**'] },
]);

function mask(path: string, ...lines: string[]): string[] {
  return maskSecrets(lines, secretsAt(RULES, path));
}

describe('a profile that names secrets', () => {
  it.each([
    ['conf/a.ini', 'UnlockCode = 77', `UnlockCode = ${MASK}`],
    ['conf/deep/er/A.INI', '  rng-seed: 77', `  rng-seed: ${MASK}`],
    ['site.cfg', 'unlock=7', `unlock=${MASK}`],
    ['conf/a.ini', 'x.y.y = 7', `x.y.y = ${MASK}`],
    ['any/where/Site.cfg', 'unlock=7', `unlock=${MASK}`],
    ['vault/any', 'nothing to see', MASK],
    ['vault/deep/any', 'nothing to see', MASK],
  ])('masks in %s the line %s', (path, line, masked) => {
    expect(mask(path, line)).toEqual([masked]);
  });

  it.each([
    ['conf/a.txt', 'UnlockCode = 77'],
    ['other/a.ini', 'UnlockCode = 77'],
    ['conf/a.ini', 'seed = 77'],
    ['conf/a.ini', 'relock = 77'],
    ['conf/a.ini', 'xy = 77'],
    ['vaults/any', 'nothing to hide'],
    ['some/vault/any', 'nothing to hide'],
  ])('leaves in %s the line %s', (path, line) => {
    expect(mask(path, line)).toEqual([line]);
  });

  it('hides no line fewer than without, and goes on below a name as for its own words', () => {
    expect(mask('conf/a.ini', 'password = x', 'unlock: |', '  first', 'name = x')).toEqual([
      `password = ${MASK}`,
      'unlock: |',
      `  ${MASK}`,
      'name = x',
    ]);
    expect(mask('vault/a', 'one', '', 'two')).toEqual([MASK, '', MASK]);
  });

  it('is another profile', () => {
    const plain = { name: 'test', version: 1, rules: [{ class: 'configuration', match: ['**'] }] };
    const naming = { ...plain, secrets: [{ match: ['**'], keys: ['unlock*'] }] };
    expect(profileDigest(profileSchema.parse(naming))).not.toBe(profileDigest(profileSchema.parse(plain)));
  });
});

describe('what it names them by', () => {
  it.each<[string, unknown]>([
    ['a group, which a regular expression could be made of', [{ match: ['+(a|+(b))*'] }]],
    ['a range', [{ match: ['[a-z]*'] }]],
    ['a backslash', [{ match: ['a\\b'] }]],
    ['no path', [{ match: [] }]],
    ['no key, where there is a list', [{ match: ['a'], keys: [] }]],
    ['a key with a space', [{ match: ['a'], keys: ['a b'] }]],
    ['a regular expression', [{ match: ['a'], keys: ['(a+)+'] }]],
    ['a path without end', [{ match: ['a'.repeat(201)] }]],
    ['paths without end', [{ match: Array.from({ length: 51 }, () => 'a') }]],
    ['rules without end', Array.from({ length: 51 }, () => ({ match: ['a'] }))],
    ['an unknown word', [{ match: ['a'], regex: '.*' }]],
  ])('is not %s', (_, rules) => {
    expect(secretRulesSchema.safeParse(rules).success).toBe(false);
  });

  // Regular expressions with as many stars would never end.
  it('comes to an end, whatever stands in it and in the file', () => {
    const stars = `${'*a'.repeat(99)}b`;
    const rules = secretRulesSchema.parse(
      Array.from({ length: 50 }, () => ({ match: [`${'**/'.repeat(60)}a*`, '**'], keys: Array(50).fill(stars) })),
    );
    const secrets = secretsAt(rules, `${'a/'.repeat(2000)}b`);
    expect(maskSecrets([`${'a'.repeat(60_000)} = 1`], secrets)).toEqual([`${'a'.repeat(60_000)} = 1`]);
  });
});
