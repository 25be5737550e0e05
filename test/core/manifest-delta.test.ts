import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidDocument } from '#core/errors.ts';
import { createManifest, encodeManifest, type Manifest } from '#core/manifest.ts';
import { encodeManifestDelta } from '#core/manifest-delta.ts';
import { manifestBlocks } from '#core/manifest-layers.ts';
import { entriesOf, type StoredManifest } from '#core/manifest-lines.ts';
import { treeArbitrary } from './arbitraries.ts';
import { digest, manifestOf } from './samples.ts';

describe('a manifest that is stored as a delta', () => {
  test('is made of its base to the byte, whatever the two hold', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (before, after) => {
        const [base, next] = [manifestOf(before), manifestOf(after)];
        const layered = onTopOf(whole(base), next);
        expect(linesOf(layered)).toBe(linesOf(whole(next)));
        expect([...entriesOf(layered)]).toEqual(next.entries);
      }),
    );
  });

  test('is made of deltas on top of each other in the same way', () => {
    fc.assert(
      fc.property(fc.array(treeArbitrary, { minLength: 2, maxLength: 9 }), ([first = {}, ...others]) => {
        let layered = whole(manifestOf(first));
        for (const files of others) layered = onTopOf(layered, manifestOf(files));
        expect(linesOf(layered)).toBe(linesOf(whole(manifestOf(others.at(-1) ?? {}))));
      }),
    );
  });

  test('is made of many blocks, wherever in them something is other', () => {
    const base = numbered(30_000, () => 'old');
    const next = numbered(30_010, (number) => (number % 997 === 0 ? 'new' : 'old'), 5);
    const layered = onTopOf(whole(base), next);
    expect([...manifestBlocks('base', whole(base).layers)].length).toBeGreaterThan(3);
    expect([...entriesOf(layered)]).toEqual(next.entries);
  });

  test('takes the profile of the newest', () => {
    const base = manifestOf({ 'a.cfg': '1' });
    const next = createManifest(digest('another profile'), base.entries);
    expect([...entriesOf(onTopOf(whole(base), next))]).toEqual(next.entries);
  });

  test('is a small share of a whole one when little is other', () => {
    const base = numbered(10_000, (number) => `${number}`);
    const next = numbered(10_000, (number) => (number % 100 === 0 ? 'new' : `${number}`));
    const [delta] = onTopOf(whole(base), next).layers;
    expect(delta?.length).toBeLessThan(encodeManifest(next).length * 0.02);
  });

  test('is not made against a base whose bytes are others than its digest says', () => {
    const base = { ...whole(manifestOf({ 'a.cfg': '1' })), digest: digest('another') };
    expect(() => encodeManifestDelta(base, manifestOf({ 'a.cfg': '2' }))).toThrow(InvalidDocument);
  });
});

describe('a delta from the store is refused, and named,', () => {
  const base = whole(manifestOf({ 'b.cfg': '1', 'd.cfg': '1', 'f.cfg': '1' }));
  const next = manifestOf({ 'a.cfg': '1', 'd.cfg': '2', 'f.cfg': '1' });
  const intact = onTopOf(base, next);

  test.each<[string, (lines: string[]) => string[], RegExp]>([
    ['with a line left out', (lines) => lines.slice(0, -1), /digest/],
    ['out of order', ([first = '', ...rest]) => [first, ...rest.toReversed()], /out of order/],
    ['with a path twice', (lines) => [...lines, lines.at(-1) ?? ''], /out of order/],
    ['when it removes what is not there', edit('"b.cfg"', '"c.cfg"'), /no "c.cfg" to remove/],
    [
      'when it removes what is not there, last of all',
      (lines) => [...lines, '{"kind":"gone","path":"x.cfg"}'],
      /no "x.cfg" to remove/,
    ],
    ['with a path that climbs', edit('"d.cfg"', '"d/../x"'), /climbs/],
    ['with an unknown field', edit('{"kind":"gone"', '{"kind":"gone","run":"x"'), /[Uu]nrecognized/],
    ['deeper than may be', edit('"depth":1', '"depth":9'), /depth/],
    ['of another format', edit('delta/1', 'delta/2'), /format/],
    ['with a line that is not JSON', (lines) => [...lines, '{'], /not JSON/],
  ])('%s', (_, rewrite, problem) => {
    const [newest = new Uint8Array(), ...older] = intact.layers;
    const lines = rewrite(zstdDecompressSync(newest).toString().split('\n').slice(0, -1));
    const hostile = zstdCompressSync(Buffer.from(lines.map((line) => `${line}\n`).join('')));
    const read = () => [...entriesOf({ ...intact, layers: [hostile, ...older] })];
    expect(read).toThrow(InvalidDocument);
    expect(read).toThrow(problem);
    expect(read).toThrow(intact.what);
  });

  test('on top of another base than its own', () => {
    const other = whole(manifestOf({ 'b.cfg': '1', 'd.cfg': '1', 'f.cfg': '2' }));
    const read = () => [...entriesOf({ ...intact, layers: [...intact.layers.slice(0, 1), ...other.layers] })];
    expect(read).toThrow(/digest/);
  });

  test('on top of nothing, or of what is not sorted', () => {
    expect(() => [...entriesOf({ ...intact, layers: intact.layers.slice(0, 1) })]).toThrow(InvalidDocument);
    const [first = '', ...rest] = linesOf(base).split('\n').slice(0, -1);
    const unsorted = zstdCompressSync(Buffer.from(`${[first, ...rest.toReversed()].join('\n')}\n`));
    expect(() => [...entriesOf({ ...intact, layers: [...intact.layers.slice(0, 1), unsorted] })]).toThrow(
      InvalidDocument,
    );
  });
});

function whole(manifest: Manifest): StoredManifest {
  return { what: 'the manifest of one', digest: manifest.summary.manifest, layers: [encodeManifest(manifest)] };
}

function onTopOf(base: StoredManifest, manifest: Manifest): StoredManifest {
  return { ...base, digest: manifest.summary.manifest, layers: [encodeManifestDelta(base, manifest), ...base.layers] };
}

function linesOf({ layers, what }: StoredManifest): string {
  return Buffer.concat([...manifestBlocks(what, layers)]).toString();
}

function numbered(count: number, contentOf: (number: number) => string, first = 0): Manifest {
  const names = Array.from({ length: count - first }, (_, index) => first + index);
  return manifestOf(Object.fromEntries(names.map((number) => [`f/${number}.cfg`, contentOf(number)])));
}

function edit(what: string, replacement: string): (lines: string[]) => string[] {
  return (lines) => lines.map((line) => line.replace(what, replacement));
}
