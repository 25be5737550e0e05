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
  readonly #durable = new Set<string>();
  #prepared: Promise<void> | undefined;

  constructor(layout: DirectoryLayout) {
    this.#layout = layout;
  }

  /** After this a file can be staged, and moved into `folder`. */
  async ready(key: string, folder: string): Promise<void> {
    this.#prepared ??= this.#prepare(key).catch((error: unknown) => {
      this.forget();
      throw error;
    });
    await this.#prepared;
    if (this.#durable.has(folder)) return;
    await mkdir(folder, { recursive: true });
    await this.#syncUpwards(folder);
    if (this.#durable.size >= MOST_KNOWN) this.#durable.clear();
    this.#durable.add(folder);
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
    await syncFolder(own);
    await syncFolder(root);
    await removeStale(temporary);
  }

  async #syncUpwards(folder: string): Promise<void> {
    for (let at = folder; at !== this.#layout.root; ) {
      at = dirname(at);
      await syncFolder(at);
    }
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
