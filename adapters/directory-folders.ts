import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorePermanent } from '#core/errors.ts';
import type { DirectoryLayout } from './directory-layout.ts';
import { syncFolder } from './durable-file.ts';
import { hasCode } from './file-errors.ts';

/** Milliseconds: far longer than a write takes, so that what is older belongs to a process that was killed. */
const STALE = 3_600_000;

/** Folders known to be durable; more are forgotten and synced again. */
const MOST_KNOWN = 10_000;

/** Makes the folders of a store, each once per process, with their names on disk up to the root. */
export class DirectoryFolders {
  readonly #layout: DirectoryLayout;
  readonly #sync: (folder: string) => Promise<void>;
  /** With the names of all above them. */
  readonly #durable = new Set<string>();
  #prepared: Promise<void> | undefined;

  constructor(layout: DirectoryLayout, sync: (folder: string) => Promise<void> = syncFolder) {
    this.#layout = layout;
    this.#sync = sync;
  }

  /** After this a file can be staged, and moved into `folder`. */
  async ready(key: string, folder: string): Promise<void> {
    this.#prepared ??= this.#prepare(key).catch((error: unknown) => {
      this.forget();
      throw error;
    });
    await this.#prepared;
    if (this.#durable.has(folder)) return;
    const first = await mkdir(folder, { recursive: true });
    // Somebody may have removed what was known to be there.
    const perhapsNew = this.#upwards(
      folder,
      (at) => !this.#durable.has(at) || at.length >= (first?.length ?? Infinity),
    );
    for (const one of perhapsNew) await this.#sync(dirname(one));
    if (this.#durable.size + perhapsNew.length > MOST_KNOWN) this.#durable.clear();
    for (const one of perhapsNew) this.#durable.add(one);
  }

  /** After a failure: somebody may have removed what was known to be there. */
  forget(): void {
    this.#prepared = undefined;
    this.#durable.clear();
  }

  async #prepare(key: string): Promise<void> {
    const { root, own, temporary } = this.#layout;
    if (!(await isFolder(root))) throw new StorePermanent(key, `the store folder ${root} does not exist`);
    await mkdir(temporary, { recursive: true });
    await this.#sync(own);
    await this.#sync(root);
    await removeStale(temporary);
  }

  /** The folder and those above it, as long as they are wanted; never the root. */
  #upwards(folder: string, isWanted: (folder: string) => boolean): string[] {
    const found: string[] = [];
    for (let at = folder; at !== this.#layout.root && isWanted(at); at = dirname(at)) found.push(at);
    return found;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    try {
      const path = join(folder, name);
      if (Date.now() - (await stat(path)).mtimeMs > STALE) await unlink(path);
    } catch (error) {
      // Another process sweeps too, or, on Windows, still has the file open.
      if (!hasCode(error, 'ENOENT', 'EPERM', 'EBUSY')) throw error;
    }
  }
}
