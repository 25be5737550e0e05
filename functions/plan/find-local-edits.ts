import type { Baseline } from '#core/baseline.ts';
import { findStoredDifferences } from '#core/differences.ts';
import type { Sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { StoredManifest } from '#core/manifest-lines.ts';
import { bringsContent, decodePart, type LocalEdits, type Operation } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { loadManifest } from './stock.ts';

export interface EditedDestination {
  readonly store: ObjectStore;
  readonly baseline: Baseline;
  /** As it is now. */
  readonly manifest: StoredManifest;
  readonly state: Sha256;
  readonly operations: readonly Operation[];
}

/** Which of the operations undo what was changed here since the last sync; `undefined` where none does, or nobody knows. */
export async function findLocalEdits(edited: EditedDestination): Promise<LocalEdits | undefined> {
  const { baseline, operations, state } = edited;
  if (baseline.state === state) return undefined;
  try {
    const editAt = await compareWithLeft(edited);
    const files = operations.flatMap((operation) => {
      const edit = editAt(operation);
      return edit === undefined ? [] : [{ edit, path: operation.path }];
    });
    const { length: count } = files;
    return count === 0 ? undefined : { since: baseline.since, count, files: files.slice(0, MOST_NAMED) };
  } catch (error) {
    // The manifest of today has been read before: it is the old one, or a part, that is gone or damaged.
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

type Edit = LocalEdits['files'][number]['edit'];

/**
 * What was done to the file of an operation since the syncs left it: those wrote what their parts say, and where these
 * say nothing, they left what the old manifest says.
 */
async function compareWithLeft(edited: EditedDestination): Promise<(operation: Operation) => Edit | undefined> {
  const { baseline, manifest, store } = edited;
  const left = await contentsLeft(store, baseline);
  const old = await loadManifest(store, baseline.server, baseline.manifest);
  const { differences } = findStoredDifferences(old, manifest, { mode: 'mirror' });
  const since = new Map<string, Operation['change']>(differences.operations.map(({ change, path }) => [path, change]));
  return (operation) => {
    if (operation.change === 'create-folder' || operation.change === 'remove-folder') return undefined;
    const now = operation.change === 'create' ? ABSENT : operation.former.sha256;
    const then = left.get(operation.path);
    if (then === undefined) return editBy(since.get(operation.path));
    if (then === now) return undefined;
    return then === ABSENT ? 'added' : now === ABSENT ? 'deleted' : 'edited';
  };
}

async function contentsLeft(store: ObjectStore, { parts, server }: Baseline): Promise<Map<string, Content>> {
  const left = new Map<string, Content>();
  for (const { part: digest, sync } of parts) {
    const key = keys.part(sync, server, digest);
    const stored = await store.get(key);
    if (stored === undefined) throw new InvalidDocument(key, 'it is missing');
    for (const operation of decodePart(stored.body, digest).operations) {
      if (bringsContent(operation)) left.set(operation.path, operation.sha256);
      else if (operation.change === 'remove') left.set(operation.path, ABSENT);
    }
  }
  return left;
}

const ABSENT = 'absent';

type Content = Sha256 | typeof ABSENT;

/** By what a mirror of the old manifest would do to the present one. */
function editBy(change: Operation['change'] | undefined): Edit | undefined {
  switch (change) {
    case 'create':
      return 'deleted';
    case 'update':
      return 'edited';
    case 'remove':
      return 'added';
    case 'create-folder':
    case 'remove-folder':
    case undefined:
      return undefined;
  }
}

const MOST_NAMED = 20;
