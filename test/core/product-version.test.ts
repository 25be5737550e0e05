import { describe, expect, test } from 'vitest';
import { findProductVersion, isOlderVersion } from '#core/product-version.ts';

describe('the version in a file', () => {
  test.each<[string, string, string, string | undefined]>([
    ['stands behind the prefix', 'Name=x\nVersion=13.1.0\n', 'Version=', '13.1.0'],
    ['may have spaces around it', '  Version = 13.1 \r\n', 'Version =', '13.1'],
    ['may be all that there is', '13.1\n', '', '13.1'],
    ['ends before a word', 'Version=13.1-beta', 'Version=', '13.1'],
    ['is of the first line with the prefix', 'Version=1\nVersion=2', 'Version=', '1'],
    ['is none where no line has the prefix', 'OldVersion=1', 'Version=', undefined],
    ['is none where something else is behind it', 'Version=v13', 'Version=', undefined],
    ['is none where a number is too long', 'Version=1234567890', 'Version=', undefined],
    ['is none where there are too many numbers', '1.2.3.4.5.6.7', '', undefined],
    ['is none in an empty file', '', '', undefined],
  ])('%s', (_, text, prefix, expected) => {
    expect(findProductVersion(text, prefix)).toBe(expected);
  });
});

test.each<[string, string, boolean]>([
  ['13.2', '13.10', true],
  ['13.10', '13.2', false],
  ['9', '10', true],
  ['13', '13.0', false],
  ['13.0', '13', false],
  ['13.0', '13.0.1', true],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlderVersion(version, than)).toBe(older);
});
