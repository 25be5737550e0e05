import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadProfile } from '#adapters/profile-file.ts';
import { classifier } from '#core/classify.ts';
import { testFolder } from './test-folder.ts';

describe('the generic profile', () => {
  it.each([
    ['a.ini', 'configuration'],
    ['.hidden', 'configuration'],
    ['deep/down/[x] (1).txt', 'configuration'],
    ['a.LIC', 'license'],
    ['deep/.lic', 'license'],
    ['Licenses/any.txt', 'license'],
    ['deep/LICENSES/deeper/.x', 'license'],
    ['licences/x', 'license'],
    ['licenses', 'configuration'],
    ['my-licenses/x', 'configuration'],
    ['a.lic.txt', 'configuration'],
  ])('takes %s for %s', async (path, expected) => {
    expect(classifier(await loadProfile('generic'))(path)).toBe(expected);
  });
});

describe('the ThinManager profile', () => {
  it('protects what looks like a license, and leaves out what it does not know', async () => {
    const classify = classifier(await loadProfile('thinmanager'));
    expect(classify('Packages/License.dat')).toBe('license');
    expect(classify('firmware/boot.bin')).toBe('firmware');
    expect(classify('something.exe')).toBe('unrecognised');
  });

  it('says in its description that it holds assumptions', async () => {
    expect((await loadProfile('thinmanager')).description).toContain('assumption');
  });
});

describe('a profile file', () => {
  it.each([
    ['not: [closed', 'line'],
    ['name: x\nversion: 1\nrules:\n  - class: Bad Name\n    match: [a]\n', 'line 4'],
    ['name: x\nversion: 1\nrules: []\nextra: 1\n', 'rules'],
  ])('that is wrong is refused with the place: %j', async (text, place) => {
    const path = join(testFolder(), 'profile.yaml');
    writeFileSync(path, text);
    await expect(loadProfile(path)).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining(place),
    });
  });

  it('that is not there is refused with what there is', async () => {
    await expect(loadProfile('nonesuch')).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining('generic'),
    });
  });
});
