import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hasCode, retryWhileInUse } from './file-errors.ts';

interface DurableFileOptions {
  /** POSIX permissions; Windows keeps those of the folder. */
  readonly mode?: number;
}

/**
 * Replaces the file, or makes it: after a crash there is the old content or the new, never a part. Durable when the
 * promise resolves. The folder must exist; errors are Node's own. A killed process may leave `{path}.{uuid}.tmp`.
 */
export async function writeFileDurably(path: string, bytes: Uint8Array, options?: DurableFileOptions): Promise<void> {
  await withStagedFile({ path: besides(path), bytes, ...options }, (staged) =>
    retryWhileInUse(() => rename(staged, path)),
  );
  await syncFolder(dirname(path));
}

/** As writeFileDurably, but `false`, and nothing changed, when there is a file of that name already. */
export async function createFileDurably(
  path: string,
  bytes: Uint8Array,
  options?: DurableFileOptions,
): Promise<boolean> {
  const created = await withStagedFile({ path: besides(path), bytes, ...options }, (staged) => linkOnce(staged, path));
  await syncFolder(dirname(path));
  return created;
}

/**
 * Removes what killed processes have left of durable writes below the folder: of files that nobody else writes now, by
 * their names. It is only litter: what cannot be removed stays.
 */
export async function removeUnfinished(folder: string, isOurs: (name: string) => boolean): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const { name, parentPath } of entries) {
    const [, path] = UNFINISHED.exec(name) ?? [];
    if (path !== undefined && isOurs(path)) await unlink(join(parentPath, name)).catch(() => {});
  }
}

interface StagedFile extends DurableFileOptions {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Last touch on the open file, before it is made durable. */
  readonly finish?: (file: FileHandle) => Promise<void>;
}

/** Writes and syncs a new file for `use` to rename or link, then removes what is left of it. */
export async function withStagedFile<T>(file: StagedFile, use: (path: string) => Promise<T>): Promise<T> {
  try {
    await writeNewFile(file);
    return await use(file.path);
  } finally {
    // Gone after a rename. Where it cannot be removed it is only litter: to fail would deny a write that happened.
    await unlink(file.path).catch(() => {});
  }
}

/** `link` fails where the name is taken, in one step: of any number of callers, in any process, one wins. */
export async function linkOnce(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** Makes the folder where it does not exist, with those above it, and their names durable. */
export async function makeFolderDurably(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = resolve(path); made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

/** Makes names in the folder durable. Windows cannot open a folder for this, and keeps them by itself. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    if (process.platform !== 'win32' || !hasCode(error, 'EPERM', 'EISDIR', 'EACCES')) throw error;
  }
}

async function writeNewFile({ path, bytes, mode, finish }: StagedFile): Promise<void> {
  await using file = await open(path, 'wx', mode);
  for (let written = 0; written < bytes.byteLength; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
  await finish?.(file);
  await file.sync();
}

function besides(path: string): string {
  return `${path}.${randomUUID()}.tmp`;
}

const UNFINISHED = /^(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;
