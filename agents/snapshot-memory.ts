import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { type Chunk, decodeIndex, type EncodedIndex, encodeIndex, type Index } from '#core/chunk-index.ts';
import type { ChunkTable } from '#core/chunk-table.ts';
import { type Sha256, sha256Schema } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { decodeManifest, encodeManifest, type Manifest, type ManifestEntry } from '#core/manifest.ts';
import { decodeSnapshot, type EncodedSnapshot, type Snapshot } from '#core/snapshot.ts';

/**
 * What an agent remembers of the last snapshot that it took: snapshot, indexes and manifest, each under its digest, and
 * of one that was interrupted the packs that are uploaded or were about to be. It only ever saves work: what is damaged
 * counts as forgotten.
 */
export class SnapshotMemory {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(stateFolder: string): Promise<SnapshotMemory> {
    const memory = new SnapshotMemory(join(stateFolder, FOLDER));
    for (const kind of KINDS) await mkdir(join(memory.#folder, kind), { recursive: true, mode: 0o700 });
    return memory;
  }

  async snapshot(): Promise<(Snapshot & { readonly digest: Sha256 }) | undefined> {
    for (const digest of await this.#list('snapshot')) {
      const snapshot = await this.#read('snapshot', digest, decodeSnapshot);
      if (snapshot !== undefined) return { ...snapshot, digest };
    }
    return undefined;
  }

  /** All of them, in order, or none. */
  async indexes({ indexes }: Snapshot): Promise<RememberedIndex[] | undefined> {
    const remembered: RememberedIndex[] = [];
    for (const digest of indexes) {
      const index = await this.#read('indexes', digest, decodeIndex);
      if (index === undefined) return undefined;
      remembered.push({ digest, ...index });
    }
    return remembered;
  }

  async entries({ manifest }: Snapshot): Promise<readonly ManifestEntry[]> {
    return (await this.#read('manifest', manifest, decodeManifest))?.entries ?? [];
  }

  /** Chunks in packs that an interrupted snapshot has uploaded; the last of them perhaps not. */
  async uploaded(): Promise<ChunkTable[]> {
    const tables: ChunkTable[] = [];
    for (const digest of await this.#list('uploaded')) {
      const index = await this.#read('uploaded', digest, decodeIndex);
      if (index !== undefined) tables.push(index.chunks);
    }
    return tables;
  }

  async rememberUpload(chunks: readonly Chunk[]): Promise<void> {
    const { bytes, digest } = encodeIndex({ recipes: [], chunks });
    await writeFileDurably(join(this.#folder, 'uploaded', digest), bytes);
  }

  /** The snapshot last: it is what makes the others count. */
  async remember({ fresh, indexes, manifest, snapshot }: Remembered): Promise<void> {
    for (const { bytes, digest } of fresh) await writeFileDurably(join(this.#folder, 'indexes', digest), bytes);
    const { manifest: name } = manifest.summary;
    await writeFileDurably(join(this.#folder, 'manifest', name), encodeManifest(manifest));
    await writeFileDurably(join(this.#folder, 'snapshot', snapshot.digest), snapshot.bytes);
    await this.#keepOnly('snapshot', [snapshot.digest]);
    await this.#keepOnly('manifest', [name]);
    await this.#keepOnly('indexes', indexes);
    await this.#keepOnly('uploaded', []);
  }

  async #list(kind: Kind): Promise<Sha256[]> {
    const names = await readdir(join(this.#folder, kind));
    return names.flatMap((name) => sha256Schema.safeParse(name).data ?? []);
  }

  async #keepOnly(kind: Kind, digests: readonly Sha256[]): Promise<void> {
    for (const name of await this.#list(kind)) {
      if (!digests.includes(name)) await rm(join(this.#folder, kind, name), { force: true });
    }
  }

  async #read<T>(kind: Kind, digest: Sha256, decode: (bytes: Uint8Array, digest: Sha256) => T): Promise<T | undefined> {
    try {
      return decode(await readFile(join(this.#folder, kind, digest)), digest);
    } catch (error) {
      if (error instanceof InvalidDocument || hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

export interface RememberedIndex extends Index {
  readonly digest: Sha256;
}

interface Remembered {
  readonly snapshot: EncodedSnapshot;
  readonly manifest: Manifest;
  /** All that the snapshot names. */
  readonly indexes: readonly Sha256[];
  /** Those of them that are new. */
  readonly fresh: readonly EncodedIndex[];
}

const FOLDER = 'last-snapshot';
const KINDS = ['snapshot', 'indexes', 'manifest', 'uploaded'] as const;
type Kind = (typeof KINDS)[number];
