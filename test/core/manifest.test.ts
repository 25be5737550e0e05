import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { createManifest, decodeManifest, encodeManifest, isArtifact, type ManifestEntry } from '#core/manifest.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import { treeArbitrary } from './arbitraries.ts';
import { digest, fileEntry, manifestOf, PROFILE_DIGEST } from './samples.ts';
import { expectToDetectEveryFlippedBit, rewriteLines } from './tampering.ts';

const manifest = createManifest(PROFILE_DIGEST, [
  fileEntry('b.cfg', 'two'),
  fileEntry('a.lic', 'secret'),
  { kind: 'folder', path: 'empty/' },
  { kind: 'link', path: 'to-b' },
  { kind: 'unnameable', path: 'con.txt', reason: 'it is a device name on Windows' },
  { kind: 'unrecognised', path: 'c/d.dat' },
]);
const stored = { bytes: encodeManifest(manifest), digest: manifest.summary.manifest, decode: decodeManifest };

describe('a manifest', () => {
  test('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(treeArbitrary, (files) => {
        const one = manifestOf(files);
        expect(decodeManifest(encodeManifest(one), one.summary.manifest)).toEqual(one);
      }),
    );
    expect(decodeManifest(stored.bytes, stored.digest)).toEqual(manifest);
  });

  test('is the same whatever the order in which a scan found its entries', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...manifest.entries], { minLength: manifest.entries.length }), (found) => {
        expect(createManifest(PROFILE_DIGEST, found)).toEqual(manifest);
      }),
    );
  });

  test('sums up what it holds', () => {
    expect(manifest.summary).toMatchObject({
      artifacts: 1,
      bytes: 3,
      protected: 1,
      folders: 1,
      links: 1,
      special: 0,
      unnameable: 1,
      unrecognised: 1,
    });
  });

  test('has another digest after any change of any field', () => {
    const change: Partial<Record<keyof Extract<ManifestEntry, { kind: 'artifact' }>, unknown>> = {
      class: 'firmware',
      mode: 0o600,
      mtime: 5,
      path: 'b.cfh',
      sha256: digest('other'),
      size: 4,
    };
    for (const [field, value] of Object.entries(change)) {
      const entries = manifest.entries.map((entry) => (isArtifact(entry) ? { ...entry, [field]: value } : entry));
      expect(createManifest(PROFILE_DIGEST, entries).summary.manifest, field).not.toBe(manifest.summary.manifest);
    }
    expect(createManifest(digest('other'), manifest.entries).summary.manifest).not.toBe(manifest.summary.manifest);
  });

  test('lists a name once when two names that are not Unicode come out as the same text', () => {
    const twin: ManifestEntry = { kind: 'unnameable', path: 'a\ufffd', reason: 'it is not valid Unicode' };
    const one = createManifest(PROFILE_DIGEST, [twin, twin]);
    expect(decodeManifest(encodeManifest(one), one.summary.manifest).entries).toEqual([twin]);
  });
});

describe('the state digest', () => {
  const stateOf = (files: Record<string, string>) => manifestOf(files).summary;

  test('is the same for the same files with other times and permissions', () => {
    const later = createManifest(
      PROFILE_DIGEST,
      manifest.entries.map((entry) => (isArtifact(entry) ? { ...entry, mtime: 1, mode: null } : entry)),
    );
    expect(later.summary.state).toBe(manifest.summary.state);
    expect(later.summary.manifest).not.toBe(manifest.summary.manifest);
  });

  test('is another for another content, name or class', () => {
    const { state } = stateOf({ 'a.cfg': '1' });
    expect(stateOf({ 'a.cfg': '2' }).state).not.toBe(state);
    expect(stateOf({ 'b.cfg': '1' }).state).not.toBe(state);
    expect(stateOf({ 'firmware/a.cfg': '1' }).state).not.toBe(stateOf({ 'x/a.cfg': '1' }).state);
  });

  test('is another for another size, also under the same SHA-256', () => {
    const longer = createManifest(
      PROFILE_DIGEST,
      manifest.entries.map((entry) => (isArtifact(entry) ? { ...entry, size: entry.size + 1 } : entry)),
    );
    expect(longer.summary.state).not.toBe(manifest.summary.state);
  });

  test('of the protected files stands apart from that of the artifacts', () => {
    const before = stateOf({ 'a.cfg': '1', 'a.lic': '1' });
    const after = stateOf({ 'a.cfg': '1', 'a.lic': '2' });
    expect(after.state).toBe(before.state);
    expect(after.protectedState).not.toBe(before.protectedState);
  });
});

describe('a manifest from the store is refused', () => {
  test('with any bit flipped', () => {
    expectToDetectEveryFlippedBit(stored);
    expectToDetectEveryFlippedBit({ ...stored, decode: readLines });
  });

  test.each<[string, (lines: readonly string[]) => readonly string[], RegExp]>([
    ['without a line', () => [], /empty/],
    ['of another format', ([first = '', ...rest]) => [first.replace('/1', '/2'), ...rest], /format/],
    ['out of order', ([first = '', ...rest]) => [first, ...rest.toReversed()], /out of order/],
    ['with a path twice', (lines) => [...lines, lines.at(-1) ?? ''], /out of order/],
    ['with an unknown field', edit('{', '{"run":"x",'), /[Uu]nrecognized/],
    ['with an unknown kind', edit('"kind":"folder"', '"kind":"fifo"'), /kind/],
    ['with a path that climbs', edit('"b.cfg"', '"b/../../x"'), /climbs/],
    ['with a folder that climbs', edit('empty/', 'f/../../'), /path rule/],
    ['with a license said to travel', edit('"kind":"protected"', '"kind":"artifact"'), /said to be artifact/],
    ['with an artifact said to be protected', edit('"kind":"artifact"', '"kind":"protected"'), /said to be protected/],
    ['with a size that is not a count', edit('"size":3', '"size":-3'), /size/],
    ['with a digest in capitals', edit(/"sha256":"[^"]*"/, `"sha256":"${'A'.repeat(64)}"`), /hex digits/],
    ['with a line that is not JSON', (lines) => [...lines, '{'], /not JSON/],
    ['in another spelling of the same values', edit('"kind":', ' "kind":'), /digest|canonical/],
    ['with a letter of a path spelled as an escape', edit('"b.cfg"', '"\\u0062.cfg"'), /digest|canonical/],
  ])('%s', (_, rewrite, problem) => {
    for (const decode of [decodeManifest, readLines]) {
      const read = rewriteLines<unknown>({ ...stored, decode }, rewrite);
      expect(read).toThrow(InvalidDocument);
      expect(read).toThrow(problem);
    }
  });

  test('under the name of another', () => {
    expect(() => decodeManifest(stored.bytes, digest('another'))).toThrow(InvalidDocument);
  });
});

/** What of it there is to see when it is read without being held. */
function readLines(bytes: Uint8Array, expected: Sha256): readonly unknown[] {
  return [...entriesOf({ what: 'manifest', digest: expected, layers: [bytes] })];
}

function edit(what: string | RegExp, replacement: string): (lines: readonly string[]) => readonly string[] {
  return ([first = '', ...rest]) => [first, ...rest.map((line) => line.replace(what, replacement))];
}
