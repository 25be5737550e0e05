import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type Sha256, sha256Schema } from '#core/digest.ts';
import { WORK_FOLDER } from '#core/path-rules.ts';
import { findEntry } from './find-entry.ts';
import { dropIfEmpty, dropWorkFolder, type WorkFolder } from './work-folder.ts';

/**
 * Ends an attempt that was cut off from outside: what it has staged waits, under its digest, for the next apply, which
 * takes what it needs and drops the rest. Nothing in it is trusted.
 */
export async function keepStaged(root: string, work: WorkFolder): Promise<void> {
  const folder = keptFolder(root);
  const staged = stagedFiles(root, work);
  if (staged.length > 0) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (isKept(root)) {
    for (const { digest, path } of staged) renameSync(path, `${folder}/${digest}`);
    if (isFile(work.bases)) renameSync(work.bases, `${folder}/${BASES}`);
  }
  await dropWorkFolder(root, work);
}

/** Takes over what earlier attempts have staged of these contents, and drops what is left of it. */
export async function takeStaged(
  root: string,
  work: WorkFolder,
  wanted: Iterable<{ readonly path: string; readonly sha256: Sha256 }>,
): Promise<void> {
  const folder = keptFolder(root);
  if (!isKept(root)) return;
  for (const { path, sha256 } of wanted) {
    const kept = `${folder}/${sha256}`;
    if (isFile(kept) && findEntry(path) === undefined) renameSync(kept, path);
  }
  if (isFile(`${folder}/${BASES}`) && findEntry(work.bases) === undefined) renameSync(`${folder}/${BASES}`, work.bases);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Drops what no apply has asked for in a day. */
export async function dropOldStaged(root: string, now: Date): Promise<void> {
  if (!isKept(root) || now.getTime() - lstatSync(keptFolder(root)).mtimeMs < KEPT_MILLISECONDS) return;
  await rm(keptFolder(root), { recursive: true, force: true, maxRetries: 5 });
  dropIfEmpty(root);
}

/** On the disk, of what waits for the next apply: space that it uses or frees. */
export function keptBytes(root: string): number {
  const folder = keptFolder(root);
  if (!isKept(root)) return 0;
  return readdirSync(folder).reduce((sum, name) => sum + allocatedBytes(`${folder}/${name}`), 0);
}

/** A file that is written in pieces has holes. */
export function allocatedBytes(path: string): number {
  const blocks = findEntry(path)?.blocks ?? 0;
  return blocks * BLOCK_BYTES;
}

function stagedFiles(root: string, { path: work }: WorkFolder): { readonly digest: Sha256; readonly path: string }[] {
  if (!isFolder(`${root}/${WORK_FOLDER}`) || !isFolder(work) || !isFolder(`${work}/new`)) return [];
  return readdirSync(`${work}/new`).flatMap((name) => {
    const digest = sha256Schema.safeParse(name.split('.')[1]);
    const path = `${work}/new/${name}`;
    return digest.success && lstatSync(path).isFile() ? [{ digest: digest.data, path }] : [];
  });
}

/** A stranger's link, in the place of either folder, would lead to what is not ours. */
function isKept(root: string): boolean {
  return isFolder(`${root}/${WORK_FOLDER}`) && isFolder(keptFolder(root));
}

function isFile(path: string): boolean {
  return findEntry(path)?.isFile() === true;
}

function isFolder(path: string): boolean {
  return findEntry(path)?.isDirectory() === true;
}

function keptFolder(root: string): string {
  return `${root}/${WORK_FOLDER}/staged`;
}

const BASES = 'bases';
/** Of `stat`, whatever the file system's own are. */
const BLOCK_BYTES = 512;
const KEPT_MILLISECONDS = 24 * 60 * 60 * 1000;
