import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileDurably } from '#adapters/durable-file.ts';
import { hasCode } from '#adapters/file-errors.ts';
import { type Sha256, sha256Schema } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { ManifestEntry } from '#core/manifest.ts';
import { MAX_DELTAS } from '#core/manifest-layers.ts';
import { entriesOf, type StoredManifest } from '#core/manifest-lines.ts';

/** The digests of a manifest and of what it is made of: a delta, its base, and so on down to a whole one. */
export type Chain = readonly Sha256[];

const chainSchema = z.strictObject({
  format: z.literal('lockstep-agent-manifests/1'),
  chain: z
    .array(sha256Schema)
    .min(1)
    .max(MAX_DELTAS + 1),
});

/**
 * The manifest that an agent has stored last, in the very objects that lie in the store. It only ever saves work: what
 * is damaged counts as forgotten.
 */
export class ManifestMemory {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(stateFolder: string): Promise<ManifestMemory> {
    const folder = join(stateFolder, FOLDER);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new ManifestMemory(folder);
  }

  /** Of the manifest that was stored last. */
  async chain(): Promise<Chain | undefined> {
    const bytes = await this.#read(RECORD);
    if (bytes === undefined) return undefined;
    try {
      return parseDocument(RECORD, chainSchema, bytes).chain;
    } catch (error) {
      if (error instanceof InvalidDocument) return undefined;
      throw error;
    }
  }

  /** Still to be read: only then is its digest looked at. */
  async load(chain: Chain): Promise<StoredManifest | undefined> {
    const [digest] = chain;
    const layers = await Promise.all(chain.map((one) => this.#read(one)));
    const found = layers.filter((layer) => layer !== undefined);
    if (digest === undefined || found.length < layers.length) return undefined;
    return { what: `the last manifest, ${digest}, in ${this.#folder}`, digest, layers: found };
  }

  /** What is listed in a manifest of the chain; `undefined` when it is none of those. */
  async entries(digest: Sha256): Promise<readonly ManifestEntry[] | undefined> {
    const chain = (await this.chain()) ?? [];
    const stored = chain.includes(digest) ? await this.load(chain.slice(chain.indexOf(digest))) : undefined;
    if (stored === undefined) return undefined;
    try {
      return [...entriesOf(stored)];
    } catch (error) {
      if (error instanceof InvalidDocument) return undefined;
      throw error;
    }
  }

  /** The record last: it is what makes the others count. `newest` is the object of the chain's first digest. */
  async remember(chain: Chain, newest: Uint8Array): Promise<void> {
    const [digest] = chain;
    if (digest === undefined) return;
    await writeFileDurably(join(this.#folder, digest), newest);
    const record = encodeDocument({ format: 'lockstep-agent-manifests/1', chain });
    await writeFileDurably(join(this.#folder, RECORD), record);
    const kept = new Set<string>([RECORD, ...chain]);
    for (const name of await readdir(this.#folder)) {
      if (!kept.has(name)) await rm(join(this.#folder, name), { force: true });
    }
  }

  async #read(name: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.#folder, name));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    }
  }
}

const FOLDER = 'last-manifest';
const RECORD = 'chain.json';
