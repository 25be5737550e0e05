import type { OfferedChunk } from './chunk-block.ts';
import type { FetchRequest } from './fetch.ts';
import type { Flushing } from './flushing.ts';
import { eachInParallel } from './in-parallel.ts';
import type { SeedPlaces } from './seed-files.ts';
import type { WantedChunks } from './wanted-chunks.ts';

type SeedRequest = Pick<FetchRequest, 'onProgress' | 'seeds' | 'signal' | 'workers'>;

/** Writes what large files of this server hold of the chunks: cut as the source has cut what it stored, in one pass. */
export async function seed(
  { onProgress, seeds, signal, workers }: SeedRequest,
  chunks: WantedChunks,
  flushing: Flushing,
): Promise<void> {
  await eachInParallel(isAnyLacking(chunks) ? seeds : [], PARALLEL, async (path) => {
    const sowing = new Sowing(path, chunks);
    const conversation = await workers.open('seed', { path });
    try {
      for (let step = await conversation.next(); step.done !== true; ) {
        signal.throwIfAborted();
        const { places, written } = sowing.answer(step.value.chunks);
        step = await conversation.next(places);
        onProgress({ fetched: 0, written });
      }
    } finally {
      conversation.close();
    }
    for (const file of sowing.written) flushing.add(file);
  });
}

/** Where the chunks of one file are, and where they go. */
class Sowing {
  readonly written = new Set<string>();
  readonly #path: string;
  readonly #chunks: WantedChunks;
  #position = 0;

  constructor(path: string, chunks: WantedChunks) {
    this.#path = path;
    this.#chunks = chunks;
  }

  answer(offered: readonly OfferedChunk[]): { readonly places: SeedPlaces[]; readonly written: number } {
    let written = 0;
    const places = offered.map(({ sha256, size }) => {
      const position = this.#position;
      this.#position += size;
      const chunk = this.#chunks.find(sha256);
      if (chunk === undefined || this.#chunks.isHere(chunk)) return [];
      const wanted = this.#chunks.isSpare(chunk) ? [] : this.#chunks.placesOf(chunk);
      this.#chunks.seeded(chunk, { path: this.#path, position, size, sha256 });
      for (const { path } of wanted) this.written.add(path);
      written += size * wanted.length;
      return wanted;
    });
    return { places, written };
  }
}

function isAnyLacking(chunks: WantedChunks): boolean {
  for (let chunk = 0; chunk < chunks.size; chunk++) if (!chunks.isHere(chunk)) return true;
  return false;
}

const PARALLEL = 4;
