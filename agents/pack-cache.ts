import { mkdir, readdir, rename, rm, stat, statfs, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';
import { type Sha256, sha256Schema } from '#core/digest.ts';

/**
 * Packs that this agent has uploaded, kept in its state folder: new chunks are compressed against the old ones in them.
 * Not durable and not trusted; whoever reads a chunk verifies it. Holds at most `bytes`, and no more than a quarter of
 * what the disk has free.
 */
export class PackCache {
  readonly #folder: string;
  readonly #bytes: number;
  readonly #there: Set<string>;

  private constructor(folder: string, bytes: number, there: Set<string>) {
    this.#folder = folder;
    this.#bytes = bytes;
    this.#there = there;
  }

  static async open(stateFolder: string, bytes: number = CACHE_BYTES): Promise<PackCache> {
    const folder = join(stateFolder, FOLDER);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { bavail, bsize } = await statfs(folder);
    const there = new Set((await readdir(folder)).filter((name) => sha256Schema.safeParse(name).success));
    return new PackCache(folder, Math.min(bytes, (bavail * bsize) / 4), there);
  }

  pathOf(pack: Sha256): string | undefined {
    return this.#there.has(pack) ? join(this.#folder, pack) : undefined;
  }

  async add(pack: Sha256, bytes: Uint8Array): Promise<void> {
    const path = join(this.#folder, pack);
    try {
      await writeFile(`${path}.new`, bytes, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      // It is only to save bytes next time.
      if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error;
      await rm(`${path}.new`, { force: true });
      return;
    }
    this.#there.add(pack);
  }

  /** Lets go of the packs that have been of no use for longest. */
  async trim(used: Iterable<Sha256>, now: Date): Promise<void> {
    for (const pack of used) if (this.#there.has(pack)) await utimes(join(this.#folder, pack), now, now);
    const names = await readdir(this.#folder);
    const files = await Promise.all(names.map(async (name) => ({ name, ...(await stat(join(this.#folder, name))) })));
    let bytes = 0;
    for (const { name, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      bytes += size;
      if (bytes <= this.#bytes && this.#there.has(name)) continue;
      await rm(join(this.#folder, name), { force: true });
      this.#there.delete(name);
    }
  }
}

const FOLDER = 'packs';
const CACHE_BYTES = 1024 * 1024 * 1024;
