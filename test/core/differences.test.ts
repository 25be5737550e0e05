import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Differences, findDifferences, findStoredDifferences } from '#core/differences.ts';
import { createManifest, encodeManifest, isArtifact, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import { foldersAbove, treeArbitrary } from './arbitraries.ts';
import { manifestOf, PROFILE_DIGEST } from './samples.ts';

/** What a server holds, as the model sees it: path -> content digest and size; folders end with a slash. */
type Tree = ReadonlyMap<string, string>;

describe('the differences of two trees', () => {
  test('are the same whether the manifests are parsed or read as they lie in the store', () => {
    const options = fc.record(
      { mode: fc.constantFrom('overwrite', 'mirror'), only: fc.constant(['firmware']) },
      { requiredKeys: ['mode'] },
    );
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, options, (ours, theirs, how) => {
        const [source, destination] = [manifestOf(ours), manifestOf(theirs)];
        expect(findStoredDifferences(stored(source), stored(destination), how)).toEqual({
          differences: findDifferences(source.entries, destination.entries, how),
          source: source.summary,
          destination: destination.summary,
        });
      }),
    );
  });

  test('are the same both ways where a link is in the way of a file', () => {
    const source = manifestOf({ 'a.cfg': 'a', 'b.cfg': 'b', 'c.cfg': 'c' });
    const link = { kind: 'link', path: 'b.cfg' } as const;
    const destination = createManifest(PROFILE_DIGEST, [
      ...source.entries.filter(({ path }) => path !== link.path),
      link,
    ]);
    const found = findStoredDifferences(stored(source), stored(destination), { mode: 'overwrite' });
    expect(found.differences).toEqual(findDifferences(source.entries, destination.entries, { mode: 'overwrite' }));
  });

  test.each([0, 1, 3, 300])('are the same both ways among thousands of files, %i of them other', (others) => {
    const numbered = (isOther: (number: number) => boolean, more: string[]) => {
      const files = Array.from({ length: 9000 }, (_, number) => [
        `${number % 7}/${number % 1000 === 0 ? 'Größe' : 'setting'} ${number}.cfg`,
        isOther(number) ? 'other' : 'same',
      ]);
      return manifestOf(Object.fromEntries([...files, ...more.map((path) => [path, 'more'])]));
    };
    const plain = numbered(() => false, ['g.lic', 'a/b.cfg', 'con-fig/common.cfg']);
    const other = numbered((number) => number < others * 20 && number % 20 === 0, ['g.lic', 'con-fig/common.cfg']);
    for (const [source, destination] of [
      [plain, other],
      [other, plain],
    ] as const) {
      expect(findStoredDifferences(stored(source), stored(destination), { mode: 'mirror' })).toEqual({
        differences: findDifferences(source.entries, destination.entries, { mode: 'mirror' }),
        source: source.summary,
        destination: destination.summary,
      });
    }
  });

  test('applied in mirror mode, give the destination the very artifacts of the source', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (ours, theirs) => {
        const [source, destination] = [manifestOf(ours), manifestOf(theirs)];
        const differences = findDifferences(source.entries, destination.entries, { mode: 'mirror' });
        fc.pre(differences.conflicts.length === 0);
        const after = applyOperations(artifactsOf(destination), differences.operations);
        expect(filesIn(after)).toEqual(artifactsOf(source));
        expect(differences.stateAfter).toBe(source.summary.state);
      }),
    );
  });

  test('applied in overwrite mode, bring all that the source has and leave everything else alone', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (ours, theirs) => {
        const [source, destination] = [manifestOf(ours), manifestOf(theirs)];
        const differences = findDifferences(source.entries, destination.entries, { mode: 'overwrite' });
        fc.pre(differences.conflicts.length === 0);
        const after = applyOperations(artifactsOf(destination), differences.operations);
        expect(filesIn(after)).toEqual(new Map([...artifactsOf(destination), ...artifactsOf(source)]));
        const both = createManifest(PROFILE_DIGEST, [...byPath(destination, source).values()]);
        expect(differences.stateAfter).toBe(both.summary.state);
      }),
    );
  });

  test('restricted to a class, touch that class only', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, fc.constantFrom('overwrite', 'mirror'), (ours, theirs, mode) => {
        const options = { mode, only: ['firmware'] };
        const { operations } = findDifferences(manifestOf(ours).entries, manifestOf(theirs).entries, options);
        expect(operations.filter((one) => !('class' in one) || one.class !== 'firmware')).toEqual([]);
      }),
    );
  });

  test('never name a protected, ignored or unrecognised file', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, fc.constantFrom('overwrite', 'mirror'), (ours, theirs, mode) => {
        const { operations } = findDifferences(manifestOf(ours).entries, manifestOf(theirs).entries, { mode });
        const files = operations.filter((one) => 'class' in one);
        expect(files.filter(({ class: one }) => one !== 'firmware' && one !== 'configuration')).toEqual([]);
      }),
    );
  });

  test('are none, and all is kept, between a tree and itself', () => {
    fc.assert(
      fc.property(treeArbitrary, fc.constantFrom('overwrite', 'mirror'), (files, mode) => {
        const { entries, summary } = manifestOf(files);
        const differences = findDifferences(entries, entries, { mode });
        expect(differences).toMatchObject({ operations: [], conflicts: [], bytes: 0, stateAfter: summary.state });
        expect(differences.counts).toEqual({ create: 0, update: 0, remove: 0, keep: summary.artifacts });
      }),
    );
  });

  test('come sorted by path, once each, and are counted by class', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, fc.constantFrom('overwrite', 'mirror'), (ours, theirs, mode) => {
        const differences = findDifferences(manifestOf(ours).entries, manifestOf(theirs).entries, { mode });
        const paths = differences.operations.map(({ path }) => path);
        expect(paths).toEqual([...new Set(paths)].sort());
        expect(differences.counts).toMatchObject(countChanges(differences));
      }),
    );
  });

  test('conflict exactly when a new name would be a file and a folder at once', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, (ours, theirs) => {
        const [source, destination] = [manifestOf(ours), manifestOf(theirs)];
        const { conflicts } = findDifferences(source.entries, destination.entries, { mode: 'overwrite' });
        expect(conflicts.length > 0).toBe(clashes(source, destination));
      }),
    );
  });

  test('say what was there before in an update and in a removal', () => {
    const source = manifestOf({ 'a.cfg': 'new' });
    const destination = manifestOf({ 'a.cfg': 'former', 'b.cfg': 'gone' });
    const former = artifactsOf(destination);
    const { operations } = findDifferences(source.entries, destination.entries, { mode: 'mirror' });
    expect(operations).toMatchObject([
      { change: 'update', path: 'a.cfg', former: { size: 6 } },
      { change: 'remove', path: 'b.cfg', former: { size: 4 } },
    ]);
    expect(applyOperations(former, operations)).toEqual(artifactsOf(source));
  });

  test('leave a file alone in a mirror where the source has something of its name that does not travel', () => {
    const { entries, summary } = manifestOf({ 'a.cfg': '1' });
    const differences = findDifferences([{ kind: 'link', path: 'a.cfg' }], entries, { mode: 'mirror' });
    expect(differences).toMatchObject({ operations: [], conflicts: [], stateAfter: summary.state });
  });

  test('take no notice of times and permissions', () => {
    const { entries } = manifestOf({ 'a.cfg': '1' });
    const touched = entries.map((entry) => (isArtifact(entry) ? { ...entry, mtime: 1, mode: 0o600 } : entry));
    expect(findDifferences(touched, entries, { mode: 'mirror' }).operations).toEqual([]);
  });

  test('carry the time and the permissions of the source with its content', () => {
    const { entries } = manifestOf({ 'a.cfg': '1' });
    const timed = entries.map((entry) => (isArtifact(entry) ? { ...entry, mtime: 42, mode: 0o600 } : entry));
    expect(findDifferences(timed, [], { mode: 'overwrite' }).operations).toMatchObject([{ mtime: 42, mode: 0o600 }]);
  });
});

describe('an empty folder of the source', () => {
  const source = manifestOf({ 'spool/': '' });

  test('is made where there is none', () => {
    const { operations } = findDifferences(source.entries, [], { mode: 'overwrite' });
    expect(operations).toEqual([{ change: 'create-folder', path: 'spool/' }]);
  });

  test('is not made where the folder holds something that stays', () => {
    const destination = manifestOf({ 'spool/a.cfg': '1' });
    expect(findDifferences(source.entries, destination.entries, { mode: 'overwrite' }).operations).toEqual([]);
  });

  test('is made again where a mirror removes what the folder held', () => {
    const destination = manifestOf({ 'spool/a.cfg': '1' });
    const { operations } = findDifferences(source.entries, destination.entries, { mode: 'mirror' });
    expect(operations.map(({ change }) => change)).toEqual(['create-folder', 'remove']);
  });
});

describe('a file of the source conflicts', () => {
  test.each([
    ['a license', { 'a.lic': '1', 'b.cfg': '1' }, [{ kind: 'protected', path: 'b.cfg' }]],
    ['a link', { 'b.cfg': '1' }, [{ kind: 'link', path: 'b.cfg' }]],
    ['an unrecognised file', { 'b.cfg': '1' }, [{ kind: 'unrecognised', path: 'b.cfg' }]],
  ])('with %s of its name at the destination', (_, files, entries) => {
    const { operations, conflicts } = findDifferences(manifestOf(files).entries, entries as never, { mode: 'mirror' });
    expect(operations).toEqual([]);
    expect(conflicts).toEqual([expect.stringContaining('"b.cfg"')]);
  });

  test('with a link where it needs a folder', () => {
    const source = manifestOf({ 'firmware/a': '1' });
    const { conflicts } = findDifferences(source.entries, [{ kind: 'link', path: 'firmware' }], { mode: 'overwrite' });
    expect(conflicts).toEqual(['"firmware" would be both a file and a folder']);
  });

  test('no longer, once a mirror removes the file that stood in the way', () => {
    const source = manifestOf({ 'x/a.cfg': '1' });
    const destination = manifestOf({ x: '1' });
    expect(findDifferences(source.entries, destination.entries, { mode: 'overwrite' }).conflicts).toHaveLength(1);
    expect(findDifferences(source.entries, destination.entries, { mode: 'mirror' }).conflicts).toEqual([]);
  });
});

/** Does what an agent does: removes first, finds what the plan says it finds, never a file in a folder's place. */
function applyOperations(before: Tree, operations: readonly Operation[]): Tree {
  const tree = new Map(before);
  for (const operation of operations.filter((one) => one.change === 'remove')) {
    expect(tree.get(operation.path)).toBe(contentOf(operation.former));
    tree.delete(operation.path);
  }
  for (const operation of operations.filter(bringsContent)) {
    const former = operation.change === 'update' ? contentOf(operation.former) : undefined;
    expect(tree.get(operation.path)).toBe(former);
    tree.set(operation.path, contentOf(operation));
  }
  for (const operation of operations) {
    if (operation.change === 'create-folder') tree.set(operation.path, '');
  }
  for (const path of tree.keys()) {
    expect(foldersAbove(path).filter((folder) => tree.has(folder))).toEqual([]);
  }
  return tree;
}

function stored(manifest: Manifest): StoredManifest {
  return { what: 'manifest', digest: manifest.summary.manifest, layers: [encodeManifest(manifest)] };
}

function artifactsOf({ entries }: Manifest): Tree {
  return new Map(entries.filter(isArtifact).map((artifact) => [artifact.path, contentOf(artifact)]));
}

/** The artifacts of both, the later one's where both have one. */
function byPath(...manifests: readonly Manifest[]): ReadonlyMap<string, ManifestEntry> {
  return new Map(manifests.flatMap(({ entries }) => entries.filter(isArtifact)).map((one) => [one.path, one]));
}

function filesIn(tree: Tree): Tree {
  return new Map([...tree].filter(([path]) => !path.endsWith('/')));
}

function contentOf({ sha256, size }: { readonly sha256: string; readonly size: number }): string {
  return `${size} bytes ${sha256}`;
}

function countChanges({ operations }: Differences): Record<'create' | 'update' | 'remove', number> {
  const count = (change: Operation['change']) => operations.filter((one) => one.change === change).length;
  return { create: count('create'), update: count('update'), remove: count('remove') };
}

/** Whether any name that the source brings stands where the destination has the other kind, or one left alone. */
function clashes(source: Manifest, destination: Manifest): boolean {
  const bare = (path: string) => path.replace(/\/$/, '');
  const files = new Map(destination.entries.filter(({ kind }) => kind !== 'folder').map((one) => [one.path, one.kind]));
  const folders = new Set(destination.entries.flatMap(({ path }) => foldersAbove(path)));
  for (const { kind, path } of destination.entries) if (kind === 'folder') folders.add(bare(path));
  return source.entries.some(({ kind, path }) => {
    if (kind !== 'artifact' && kind !== 'folder') return false;
    if (foldersAbove(path).some((folder) => files.has(folder))) return true;
    if (kind === 'folder') return files.has(bare(path));
    return folders.has(path) || (files.has(path) && files.get(path) !== 'artifact');
  });
}
