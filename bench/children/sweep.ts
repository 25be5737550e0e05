import { closeSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { OfferedChunk } from '#agents/chunk-block.ts';
import { cutFiles, type EncodedChunk, type Wish } from '#agents/cut-files.ts';
import { Predecessor } from '#agents/find-bases.ts';
import { AVERAGES, type Averages, LARGE_BYTES } from '#agents/gear.ts';
import { type Chunk, encodeIndex, type ListedRecipe, type Recipe } from '#core/chunk-index.ts';
import { WHOLE_BYTES } from '#core/chunk-sizes.ts';
import { listChunks } from '#core/chunk-table.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { readTask, reportResult } from './task.ts';

export interface SweepTask {
  readonly base: string;
  readonly next: string;
  /** For what is stored; one file at a time. */
  readonly folder: string;
}

/** What one average would come to for the files of one size class. */
export interface SweepRow {
  readonly files: keyof Averages;
  readonly average: number;
  /** It is the one of the format. */
  readonly chosen: boolean;
  /** Bytes in packs for base, and those that next adds; once without deltas, once as it is done. */
  readonly base: number;
  readonly nextWithoutDeltas: number;
  readonly next: number;
  /** In both releases, each once. */
  readonly chunks: number;
  /** Bytes of the index of base, and of the one that next adds. */
  readonly baseIndex: number;
  readonly nextIndex: number;
  /** Seconds of processor time for cutting, hashing and coding both, with deltas. */
  readonly cpu: number;
}

export interface SweepResult {
  readonly work: number;
  readonly rows: readonly SweepRow[];
}

/** The agent's own cutter, choice of bases and coder over two releases, with other averages than the format's. */
function main(): void {
  const task = readTask<SweepTask>();
  const started = performance.now();
  const [base, next] = [findFiles(task.base), findFiles(task.next)];
  const rows = (['medium', 'large'] as const).flatMap((files) =>
    CANDIDATES.map((average) => tryAverage(task, { files, average, base: base[files], next: next[files] })),
  );
  reportResult<SweepResult>({ work: (performance.now() - started) / 1000, rows });
}

interface Trial {
  readonly files: keyof Averages;
  readonly average: number;
  readonly base: readonly FoundFile[];
  readonly next: readonly FoundFile[];
}

function tryAverage(task: SweepTask, { average, base, files, next }: Trial): SweepRow {
  const averages = { ...AVERAGES, [files]: average };
  const pack = new PackFile(join(task.folder, `${files}-${average}`));
  const known = new Set(base.map(({ sha256: digest }) => digest));
  const fresh = next.filter(({ sha256: digest }) => !known.has(digest));
  try {
    const before = process.cpuUsage();
    const first = store(base, { root: task.base, averages, pack });
    const former = new Map(base.map(({ path }, index) => [path, first.recipes[index]]));
    const deltas = store(fresh, { root: task.next, averages, pack, chunks: first.chunks, former });
    const { system, user } = process.cpuUsage(before);
    const plain = store(fresh, { root: task.next, averages, pack, chunks: first.chunks });
    return {
      files,
      average,
      chosen: AVERAGES[files] === average,
      base: first.bytes,
      nextWithoutDeltas: plain.bytes,
      next: deltas.bytes,
      chunks: deltas.chunks.size,
      baseIndex: encodeIndex({ recipes: distinct(first.recipes) }).bytes.length,
      nextIndex: encodeIndex({ recipes: distinct(deltas.recipes) }).bytes.length,
      cpu: (user + system) / 1e6,
    };
  } finally {
    pack.drop();
  }
}

interface Storing {
  readonly root: string;
  readonly averages: Averages;
  readonly pack: PackFile;
  /** What is stored already. */
  readonly chunks?: ReadonlyMap<Sha256, Chunk>;
  /** What stood at a path before; without it there are no deltas. */
  readonly former?: ReadonlyMap<string, ListedRecipe | undefined>;
}

interface Stored {
  /** One per file, in order. */
  readonly recipes: readonly ListedRecipe[];
  readonly chunks: ReadonlyMap<Sha256, Chunk>;
  readonly bytes: number;
}

function store(files: readonly FoundFile[], { averages, chunks: there, former, pack, root }: Storing): Stored {
  const chunks = new Map(there);
  const claimed = new Set(chunks.keys());
  const lists = files.map((): Sha256[] => []);
  const predecessors = files.map(({ path }) => {
    const recipe = former?.get(path);
    return recipe && new Predecessor(recipe);
  });
  const choose = (offered: readonly OfferedChunk[]): Wish[] => {
    const bases = [...Map.groupBy(offered, ({ file }) => file)].flatMap(
      ([file, own]) => predecessors[file]?.follow(own) ?? own.map(() => []),
    );
    return offered.map(({ file, sha256: digest }, index) => {
      lists[file]?.push(digest);
      if (claimed.has(digest)) return 'not-wanted';
      claimed.add(digest);
      return { bases: (bases[index] ?? []).map((chunk) => ({ chunk, at: pack.placeOf(chunk), bases: [] })) };
    });
  };
  let bytes = 0;
  const conversation = cutFiles({ root, files, averages });
  for (let reply: unknown; ; ) {
    const step = conversation.next(reply);
    reply = undefined;
    if (step.done === true) {
      const changed = files.find(({ sha256: digest }, index) => {
        const read = step.value[index];
        return read?.kind !== 'cut' || read.sha256 !== digest;
      });
      if (changed !== undefined) throw new Error(`${changed.path} changed while it was read`);
      return { recipes: recipesOf(files, lists, chunks), chunks, bytes };
    }
    if (step.value.kind === 'offer') {
      reply = choose(step.value.chunks);
      continue;
    }
    for (const chunk of pack.add(step.value.chunks, step.value.bytes)) chunks.set(chunk.sha256, chunk);
    bytes += step.value.bytes.length;
  }
}

function recipesOf(
  files: readonly FoundFile[],
  lists: readonly (readonly Sha256[])[],
  chunks: ReadonlyMap<Sha256, Chunk>,
): readonly ListedRecipe[] {
  return files.map(({ sha256: digest, size }, index) => {
    const own = lists[index]?.flatMap((chunk) => chunks.get(chunk) ?? []) ?? [];
    return { sha256: digest, size, chunks: listChunks(own) };
  });
}

function distinct(recipes: readonly Recipe[]): Recipe[] {
  return [...new Map(recipes.map((recipe) => [recipe.sha256, recipe])).values()];
}

/** All packs in one file. */
class PackFile {
  readonly #path: string;
  readonly #descriptor: number;
  readonly #offsets = new Map<Sha256, number>();
  #used = 0;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openSync(path, 'wx');
  }

  add(chunks: readonly EncodedChunk[], bytes: Uint8Array): Chunk[] {
    writeSync(this.#descriptor, bytes);
    return chunks.map(({ bases, encoding, length, sha256: digest, size }) => {
      const pack = sha256(`pack ${Math.floor(this.#used / PACK_BYTES)}`);
      const place = { pack, offset: this.#used % PACK_BYTES, length, size, sha256: digest };
      this.#offsets.set(digest, this.#used);
      this.#used += length;
      return encoding === 'zstd-dict' ? { ...place, encoding, bases } : { ...place, encoding };
    });
  }

  placeOf({ sha256: digest }: Chunk): { readonly path: string; readonly offset: number } {
    return { path: this.#path, offset: this.#offsets.get(digest) ?? 0 };
  }

  drop(): void {
    closeSync(this.#descriptor);
    rmSync(this.#path);
  }
}

interface FoundFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: Sha256;
}

/** Those that are cut: a small file is one chunk in any case. */
function findFiles(root: string): Record<keyof Averages, FoundFile[]> {
  const found: Record<keyof Averages, FoundFile[]> = { medium: [], large: [] };
  for (const path of (readdirSync(root, { recursive: true }) as string[]).sort()) {
    const stats = statSync(join(root, path));
    if (!stats.isFile() || stats.size <= WHOLE_BYTES) continue;
    const files = stats.size < LARGE_BYTES ? found.medium : found.large;
    files.push({ path, size: stats.size, sha256: sha256(readFileSync(join(root, path))) });
  }
  return found;
}

const CANDIDATES = [8, 16, 32, 64, 128].map((kibibytes) => kibibytes * 1024);
const PACK_BYTES = 8 * 1024 * 1024;

main();
