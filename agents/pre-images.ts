import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import * as z from 'zod';
import { removeUnfinished, syncFolder, writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode, retryWhileInUse } from '#adapters/file-errors.ts';
import type { Sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { orderIdSchema } from '#core/order.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { type Activation, replaces } from './activate.ts';
import { allocatedBytes } from './carry-over.ts';
import type { RecoveryContext } from './context.ts';
import { findEntry, isThere } from './find-entry.ts';
import { type FormerFolder, folderSchema } from './journal.ts';
import { dropIfEmpty } from './work-folder.ts';

const FORMAT = 'lockstep-pre-images/1';

const listingSchema = z.strictObject({
  format: z.literal(FORMAT),
  order: orderIdSchema,
  sync: syncIdSchema,
  /** Those that the apply has removed. */
  folders: z.array(folderSchema),
});

/** What one apply has replaced or removed: files named by their digest, to be verified before they are used. */
export interface PreImages {
  /** Absolute. */
  readonly path: string;
  readonly sync: SyncId;
  readonly folders: readonly FormerFolder[];
}

/** Of as many applies, where the operator does not say. */
export const KEPT_APPLIES = 3;

/**
 * Keeps the old files of a committed apply, and drops those of applies that are no longer among the newest. One rename
 * makes the claim; after a kill the same is called again, with what is left in the work folder. Pre-images that cannot
 * be kept are no reason to doubt the commit: that is only logged.
 */
export async function keepPreImages(
  { keepPreImages: keep = 0, log }: Pick<RecoveryContext, 'keepPreImages' | 'log'>,
  activation: Activation,
): Promise<void> {
  const { journal, root } = activation;
  const { order } = journal.header.order;
  const { rollbackOf: spent } = journal.header;
  try {
    if (keep > 0 && journal.operations.some(replaces)) await claim(activation);
    await dropOlder(root, { keep, newest: placeOf(root, order), spent });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    log('pre-images-not-kept', { order, problem: (error as Error).message });
  }
}

/** Those that are complete, the newest first. */
export function listPreImages(root: string): PreImages[] {
  return placesOfApplies(root)
    .map((path) => ({ path, time: findEntry(`${path}/${LISTING}`)?.mtimeMs ?? 0 }))
    .sort((a, b) => b.time - a.time)
    .flatMap(({ path }) => readListing(path) ?? []);
}

/** Of a content; to be looked at before it is opened. */
export function preImageOf({ path }: PreImages, content: Sha256): string {
  return `${path}/${content}`;
}

/** On the disk. */
export function preImageBytes(root: string): number {
  const files = placesOfApplies(root).flatMap((path) => readdirSync(path).map((name) => `${path}/${name}`));
  return files.reduce((sum, file) => sum + allocatedBytes(file), 0);
}

async function claim({ journal, root, work }: Activation): Promise<void> {
  const { order, sync } = journal.header.order;
  const [old, place] = [`${work.path}/old`, placeOf(root, order)];
  if (isThere(place)) return;
  for (const [number, operation] of journal.operations.entries()) {
    if (replaces(operation) && isThere(work.old(number)))
      await move(work.old(number), `${old}/${operation.former.sha256}`);
  }
  const folders = journal.folders.filter(({ path }) => path !== '' && !isFolder(`${root}/${path.slice(0, -1)}`));
  const listing: z.infer<typeof listingSchema> = { format: FORMAT, order, sync, folders: [...folders] };
  await writeFileDurably(`${old}/${LISTING}`, encodeDocument(listing), { mode: 0o600 });
  await removeUnfinished(old, (name) => name === LISTING);
  makeKeptFolder(root);
  await move(old, place);
  await syncFolder(keptFolder(root));
}

async function dropOlder(
  root: string,
  { keep, newest, spent }: { readonly keep: number; readonly newest: string; readonly spent: SyncId | undefined },
): Promise<void> {
  // What was put back is in the tree again; so a chain of rollbacks reaches as far back as what was kept.
  const others = listPreImages(root).filter(({ path, sync }) => path !== newest && sync !== spent);
  // Whatever the clock says.
  const all = isThere(newest) ? [newest, ...others.map(({ path }) => path)] : others.map(({ path }) => path);
  const kept = new Set(all.slice(0, keep));
  for (const path of placesOfApplies(root)) if (!kept.has(path)) await drop(path);
  if (isKept(root) && readdirSync(keptFolder(root)).length === 0) await rm(keptFolder(root), { recursive: true });
  dropIfEmpty(root);
}

/** Where a stranger's link is, nothing is made: what that leads to would be neither found nor counted. */
function makeKeptFolder(root: string): void {
  if (!isKept(root)) mkdirSync(keptFolder(root), { mode: 0o700 });
}

/** The listing first: what is half removed claims nothing. */
async function drop(path: string): Promise<void> {
  await rm(`${path}/${LISTING}`, { force: true });
  await retryWhileInUse(() => rm(path, { recursive: true, force: true }));
}

function readListing(path: string): PreImages | undefined {
  try {
    const { folders, sync } = parseDocument(path, listingSchema, readFileSync(`${path}/${LISTING}`));
    return { path, sync, folders };
  } catch (error) {
    // Without its listing, or with a damaged one, it claims nothing and goes with the next that is kept.
    if (error instanceof InvalidDocument || hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}

/** Complete or not. */
function placesOfApplies(root: string): string[] {
  if (!isKept(root)) return [];
  const places = readdirSync(keptFolder(root)).map((name) => `${keptFolder(root)}/${name}`);
  return places.filter(isFolder).sort();
}

function placeOf(root: string, order: string): string {
  return `${keptFolder(root)}/${order}`;
}

/** A stranger's link, in the place of either folder, would lead to what is not ours. */
function isKept(root: string): boolean {
  return isFolder(`${root}/${WORK_FOLDER}`) && isFolder(keptFolder(root));
}

function isFolder(path: string): boolean {
  return findEntry(path)?.isDirectory() === true;
}

function keptFolder(root: string): string {
  return `${root}/${WORK_FOLDER}/pre-images`;
}

function move(from: string, to: string): Promise<void> {
  return retryWhileInUse(() => renameSync(from, to));
}

const LISTING = 'listing.json';
