import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ApplyOrder } from '#core/order.ts';
import { profileSchema } from '#core/profile.ts';
import type { CopyMode } from '#core/sync.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, PROFILE, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

function numbered(count: number): Tree {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.ini`, `content ${index}`]));
}

describe('an agent that is to remove a large share of its files', () => {
  let control: Control;
  let source: string;
  let destination: string;

  beforeEach(() => {
    [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
    writeTree(source, numbered(80));
    writeTree(destination, numbered(100));
    control = new Control();
    control.start(SOURCE, source);
    control.start(DESTINATION, destination);
  });

  async function apply(told: Pick<ApplyOrder, 'acknowledgedRemovals' | 'maxRemovalPercent'>) {
    return await control.apply(await control.plan('mirror'), told);
  }

  it.each([{}, { acknowledgedRemovals: 19 }, { maxRemovalPercent: 19 }])(
    'refuses by an order that says %o',
    async (told) => {
      const before = readTree(destination);
      expect(await apply(told)).toMatchObject({
        outcome: 'REFUSED',
        reason: 'GUARD',
        detail: expect.stringMatching(/removes 20 of 100 files here.*--acknowledge-removals/),
      });
      expect(readTree(destination)).toEqual(before);
    },
  );

  it.each([{ acknowledgedRemovals: 20 }, { maxRemovalPercent: 20 }])('obeys an order that says %o', async (told) => {
    expect(await apply(told)).toMatchObject({ outcome: 'SUCCEEDED', changes: { remove: 20 } });
    expect(readTree(destination)).toEqual(readTree(source));
  });
});

describe('the product version that an agent tells', () => {
  const path = 'program/version.txt';

  async function versionOf(arrange: (root: string) => void): Promise<string | undefined> {
    const root = join(testFolder(), 'source');
    writeTree(root, { 'a.ini': 'a' });
    arrange(root);
    const control = new Control();
    const product = { 'version-file': path, prefix: 'Version=' };
    control.start(SOURCE, root, { profile: profileSchema.parse({ ...PROFILE, product }) });
    return (await control.inventory(SOURCE, false)).receipt.facts.productVersion;
  }

  const written = (content: string | Uint8Array) => (root: string) => writeTree(root, { [path]: content });

  it.each<[string, (root: string) => void, string | undefined]>([
    ['is that in the file that the profile names', written('Name=x\r\nVersion=13.1.0\r\n'), '13.1.0'],
    ['is read where the file is UTF-16', written(Buffer.from('\ufeffVersion=13.1\r\n', 'utf16le')), '13.1'],
    ['is none where there is no such file', () => undefined, undefined],
    ['is none where the file says none', written('Version=thirteen'), undefined],
    ['is none beyond 64 KiB', written(`${'-'.repeat(65_536)}\nVersion=1`), undefined],
    ['is none where the file is a folder', (root) => mkdirSync(join(root, path), { recursive: true }), undefined],
    [
      'is never read through a link',
      (root) => {
        const elsewhere = testFolder();
        writeFileSync(join(elsewhere, 'version.txt'), 'Version=13.1');
        symlinkSync(elsewhere, join(root, 'program'));
      },
      undefined,
    ],
  ])('%s', async (_, arrange, expected) => {
    expect(await versionOf(arrange)).toBe(expected);
  });
});

describe('an agent that sees for itself what the plan has looked at', () => {
  const version = 'program/version.txt';
  const product = { 'version-file': version, prefix: 'Version=' };
  const profile = profileSchema.parse({ ...PROFILE, product });
  let control: Control;
  let destination: string;

  function arrange(sourceTree: Tree, destinationTree: Tree): void {
    const source = join(testFolder(), 'source');
    destination = join(testFolder(), 'destination');
    writeTree(source, sourceTree);
    writeTree(destination, destinationTree);
    control = new Control();
    control.start(SOURCE, source, { profile });
    control.start(DESTINATION, destination, { profile });
  }

  async function apply(mode: CopyMode, told: Partial<ApplyOrder>) {
    const before = readTree(destination);
    const receipt = await control.apply(await control.plan(mode), {
      ...{ allowShrink: undefined, allowVanished: undefined },
      ...told,
    });
    if (receipt.outcome !== 'SUCCEEDED') expect(readTree(destination)).toEqual(before);
    return receipt;
  }

  const refusal = (detail: RegExp) => ({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringMatching(detail) });

  it('keeps more than half of its files, unless the order allows less', async () => {
    arrange({ '0.ini': '0' }, numbered(4));
    expect(await apply('mirror', {})).toMatchObject(refusal(/leave 1 of 4 files.*--allow-shrink/));
    expect(await apply('mirror', { allowShrink: true })).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('keeps a file of every class, unless the order allows that one to vanish', async () => {
    arrange(numbered(4), { ...numbered(4), 'firmware/a': 'a' });
    expect(await apply('mirror', { allowVanished: ['configuration'] })).toMatchObject(
      refusal(/every file of class firmware.*--allow-vanished firmware/),
    );
    expect(await apply('mirror', { allowVanished: ['firmware'] })).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it.each<[string, Partial<ApplyOrder>, RegExp]>([
    ['older', { sourceVersion: '13.0' }, /version 13\.0, older than the 13\.1/],
    ['unknown', {}, /no version at the source/],
  ])('takes nothing from a source whose version is %s, unless the order allows it', async (_, told, detail) => {
    arrange(numbered(3), { ...numbered(2), [version]: 'Version=13.1' });
    expect(await apply('overwrite', told)).toMatchObject(refusal(detail));
    expect(await apply('overwrite', { ...told, allowDowngrade: true })).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it.each(['13.1', '13.2'])('takes files from a source of version %s', async (sourceVersion) => {
    arrange(numbered(3), { ...numbered(2), [version]: 'Version=13.1' });
    expect(await apply('overwrite', { sourceVersion })).toMatchObject({ outcome: 'SUCCEEDED' });
  });
});
