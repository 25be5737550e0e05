import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDifferences } from '#core/differences.ts';
import { sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { createManifest, isArtifact, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import { findRollback, type Rollback } from '#core/rollback.ts';
import { foldersAbove, treeArbitrary } from './arbitraries.ts';
import { fileEntry, manifestOf, PROFILE_DIGEST } from './samples.ts';

const modeArbitrary = fc.constantFrom('overwrite', 'mirror');

describe('a rollback', () => {
  it('leads back to all that was there, with times and permissions and empty folders', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, modeArbitrary, (ours, theirs, mode) => {
        const before = manifestOf(theirs);
        const { operations, after } = sync(ours, before, mode);
        const back = expectChanges(rollBack({ operations, before }, after));
        const restored = apply(after, back.operations);
        expect(restored.entries).toEqual(before.entries);
        expect(back.stateAfter).toBe(before.summary.state);
      }),
    );
  });

  it('can be rolled back, too: that leads to what the sync had made', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, modeArbitrary, (ours, theirs, mode) => {
        const before = manifestOf(theirs);
        const { operations, after } = sync(ours, before, mode);
        const { operations: back } = expectChanges(rollBack({ operations, before }, after));
        const restored = apply(after, back);
        const again = rollBack({ operations: back, before: after }, restored);
        expect(apply(restored, expectChanges(again).operations).entries).toEqual(after.entries);
      }),
    );
  });

  it('leaves alone what somebody else has made or changed elsewhere, and counts it as kept', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, modeArbitrary, (ours, theirs, mode) => {
        const before = manifestOf({ ...theirs, 'edited.cfg': 'theirs' });
        const { operations, after } = sync({ ...ours, 'edited.cfg': 'theirs' }, before, mode);
        const others = [fileEntry('edited.cfg', 'mine'), fileEntry('elsewhere/made.cfg', 'mine')];
        const now = withEntries(after, others);
        const back = expectChanges(rollBack({ operations, before }, now));
        expect(apply(now, back.operations).entries).toEqual(withEntries(before, others).entries);
        const touched = back.counts.update + back.counts.remove;
        expect(back.counts.keep).toBe(now.summary.artifacts - touched);
      }),
    );
  });

  it('is refused for exactly those files that are no longer as the sync left them', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, modeArbitrary, fc.nat(), (ours, theirs, mode, pick) => {
        const before = manifestOf(theirs);
        const { operations, after } = sync(ours, before, mode);
        const written = operations.filter(bringsContent);
        const edited = written[pick % written.length];
        fc.pre(edited !== undefined);
        if (edited === undefined) return;
        const now = withEntries(after, [{ ...fileEntry(edited.path, 'something else entirely') }]);
        expect(rollBack({ operations, before }, now)).toEqual({ outcome: 'stale', paths: [edited.path] });
      }),
    );
  });

  it('has nothing to do where all is as it was before the sync', () => {
    fc.assert(
      fc.property(treeArbitrary, treeArbitrary, modeArbitrary, (ours, theirs, mode) => {
        const before = manifestOf(theirs);
        const { operations } = sync(ours, before, mode);
        expect(rollBack({ operations, before }, before)).toEqual({ outcome: 'undone' });
      }),
    );
  });

  it('names what it needs that no file of the destination has', () => {
    const before = manifestOf({ 'a.cfg': 'old', 'b.cfg': 'gone', 'copy.cfg': 'gone' });
    const { operations, after } = sync({ 'a.cfg': 'new', 'copy.cfg': 'gone' }, before, 'mirror');
    expect(expectChanges(rollBack({ operations, before }, after)).needed).toEqual(new Set([sha256('old')]));
  });

  it.each<[string, ManifestEntry, string]>([
    ['the file that it removed is there again', fileEntry('gone.cfg', 'again'), 'gone.cfg'],
    ['something lies where that file was', fileEntry('gone.cfg/below.cfg', 'x'), 'gone.cfg/below.cfg'],
    ['a file stands where the folder of one was', fileEntry('d', 'x'), 'd'],
    ['an empty folder stands where the file was', { kind: 'folder', path: 'gone.cfg/' }, 'gone.cfg/'],
    ['a link is there', { kind: 'link', path: 'gone.cfg' }, 'gone.cfg'],
  ])('is refused where %s', (_, entry, path) => {
    const before = manifestOf({ 'gone.cfg': 'g', 'd/e.cfg': 'e', 'kept.cfg': 'k' });
    const { operations, after } = sync({ 'kept.cfg': 'k' }, before, 'mirror');
    expect(rollBack({ operations, before }, withEntries(after, [entry]))).toEqual({ outcome: 'stale', paths: [path] });
  });

  it('puts a file back where an empty folder has taken its place, and the reverse', () => {
    const before = manifestOf({ x: 'file', 'y/': '' });
    const operations: Operation[] = [
      { change: 'remove', class: 'configuration', path: path('x'), former: { sha256: sha256('file'), size: 4 } },
      { change: 'create-folder', path: 'x/' },
    ];
    const after = apply(before, operations);
    expect(after.entries.map((entry) => entry.path)).toEqual(['x/', 'y/']);
    const back = expectChanges(rollBack({ operations, before }, after));
    expect(back.operations.map(({ change }) => change)).toEqual(['create', 'remove-folder']);
    expect(apply(after, back.operations).entries).toEqual(before.entries);
  });

  it('leaves a folder that the sync made once something is in it', () => {
    const before = manifestOf({ 'a.cfg': 'old' });
    const { operations, after } = sync({ 'a.cfg': 'new', 'spool/': '' }, before, 'overwrite');
    const now = createManifest(PROFILE_DIGEST, [
      ...after.entries.filter(({ kind }) => kind !== 'folder'),
      fileEntry('spool/job.cfg', 'mine'),
    ]);
    const back = expectChanges(rollBack({ operations, before }, now));
    expect(back.operations.map(({ path: one }) => one)).toEqual(['a.cfg']);
  });

  it('takes no part for its past that does not fit the manifest from before', () => {
    const before = manifestOf({ 'a.cfg': 'old' });
    const { operations, after } = sync({ 'a.cfg': 'new' }, before, 'overwrite');
    expect(() => rollBack({ operations, before: manifestOf({ 'a.cfg': 'other' }) }, after)).toThrow(InvalidDocument);
  });
});

function rollBack({ before, operations }: { operations: readonly Operation[]; before: Manifest }, now: Manifest) {
  return findRollback({ operations, before: before.entries }, now.entries);
}

/** A sync that has something to do; times and permissions of its source are its own. */
function sync(ours: Record<string, string>, theirs: Manifest, mode: 'overwrite' | 'mirror') {
  const source = manifestOf(ours).entries.map((entry) =>
    isArtifact(entry) ? { ...entry, mtime: 42, mode: 0o600 } : entry,
  );
  const { conflicts, operations } = findDifferences(source, theirs.entries, { mode });
  fc.pre(conflicts.length === 0 && operations.length > 0);
  return { operations, after: apply(theirs, operations) };
}

function expectChanges(rollback: Rollback): Extract<Rollback, { outcome: 'changes' }> {
  expect(rollback).toMatchObject({ outcome: 'changes' });
  if (rollback.outcome !== 'changes') throw new Error('unreachable');
  return rollback;
}

function withEntries(manifest: Manifest, entries: readonly ManifestEntry[]): Manifest {
  const others = new Set(entries.map((entry) => entry.path));
  return createManifest(PROFILE_DIGEST, [...manifest.entries.filter((entry) => !others.has(entry.path)), ...entries]);
}

/** What an agent makes of a tree: folders that are left empty go, folders that are needed come. */
function apply(before: Manifest, operations: readonly Operation[]): Manifest {
  const files = new Map(before.entries.filter(({ kind }) => kind !== 'folder').map((entry) => [bare(entry), entry]));
  const folders = new Set(before.entries.flatMap((entry) => withSelf(entry)));
  const removing = operations.filter(({ change }) => change === 'remove' || change === 'remove-folder');
  const others = operations.filter((operation) => !removing.includes(operation));
  for (const operation of removing) {
    if (operation.change !== 'remove') continue;
    expect(files.get(operation.path)).toMatchObject(operation.former);
    files.delete(operation.path);
  }
  const needed = new Set(others.flatMap(withSelf));
  const left = [...new Set(removing.flatMap(withSelf))].sort((a, b) => b.length - a.length);
  for (const folder of left) {
    const isFilled = [...files.keys(), ...folders].some((one) => one.startsWith(`${folder}/`));
    if (!needed.has(folder) && !isFilled) folders.delete(folder);
  }
  for (const folder of needed) folders.add(folder);
  for (const operation of others) {
    if (!bringsContent(operation)) continue;
    const { class: fileClass, mode, mtime, path: to, sha256: digest, size } = operation;
    if (operation.change === 'create') expect(files.has(to) || folders.has(to)).toBe(false);
    else expect(files.get(to)).toMatchObject(operation.former);
    files.set(to, { kind: 'artifact', class: fileClass, mode, mtime, path: to, sha256: digest, size });
  }
  const empty = [...folders].filter(
    (folder) => ![...files.keys(), ...folders].some((one) => one.startsWith(`${folder}/`)),
  );
  for (const name of files.keys()) expect(folders.has(name)).toBe(false);
  return createManifest(PROFILE_DIGEST, [
    ...files.values(),
    ...empty.map((folder): ManifestEntry => ({ kind: 'folder', path: `${folder}/` })),
  ]);
}

function bare({ path: one }: { readonly path: string }): string {
  return one.replace(/\/$/, '');
}

/** The folders above, and the folder itself. */
function withSelf({ path: one }: { readonly path: string }): string[] {
  return one.endsWith('/') ? [...foldersAbove(one), one.slice(0, -1)] : foldersAbove(one);
}

function path(name: string) {
  const entry = fileEntry(name, '');
  if (entry.kind !== 'artifact') throw new Error(`${name} is ${entry.kind}`);
  return entry.path;
}
