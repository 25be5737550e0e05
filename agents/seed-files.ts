import { ChunkBlock, type Offer } from './chunk-block.ts';
import { cutSizesOf } from './gear.ts';
import { readUnchanged } from './read-file.ts';
import { StagedWriter } from './staged-writer.ts';

export interface SeedInput {
  /** Absolute: a file of this server. */
  readonly path: string;
}

/** The answer to an offered chunk: every place in the staged files where it belongs. */
export type SeedPlaces = readonly { readonly path: string; readonly position: number }[];

/**
 * Runs in a thread. Cuts a file as the source cuts what it stores, and writes what is wanted of it from the very bytes
 * that were hashed: a file that changes meanwhile can give no wrong chunk.
 */
export function* seedFiles({ path }: SeedInput): Generator<Offer, void, unknown> {
  using writer = new StagedWriter();
  using block = new ChunkBlock<never>((chunks, answer) => {
    for (const [index, places] of (answer as readonly SeedPlaces[]).entries()) {
      const content = chunks[index]?.content;
      if (content !== undefined) for (const place of places) writer.write(place.path, content, place.position);
    }
    return undefined;
  });
  yield* readUnchanged(path, (descriptor, size) =>
    block.cutFile(descriptor, { number: 0, size, sizes: cutSizesOf(size) }),
  );
  yield* block.flush();
}
