import * as z from 'zod';
import { basesOf, type Chunk } from './chunk-index.ts';
import type { Sha256 } from './digest.ts';
import { LONGEST_RANGE, planRanges } from './plan-ranges.ts';

export const transferEstimateSchema = z.strictObject({
  bytes: z.int().nonnegative(),
  /** Absent as long as the destination has measured no transfer. */
  seconds: z.number().nonnegative().optional(),
  /** What a file that is to be replaced is made of is not known: less may have to travel. */
  atMost: z.literal(true).optional(),
});

/** What a transfer will cost, as far as that is known before it begins. */
export type TransferEstimate = z.infer<typeof transferEstimateSchema>;

/** The chunks, and all that they are made from. */
export function withBases(chunks: Iterable<Chunk>): Map<Sha256, Chunk> {
  const all = new Map<Sha256, Chunk>();
  const add = (chunk: Chunk): void => {
    if (all.has(chunk.sha256)) return;
    all.set(chunk.sha256, chunk);
    basesOf(chunk).forEach(add);
  };
  for (const chunk of chunks) add(chunk);
  return all;
}

/** Of the ranges that an agent fetches for these chunks when it has `own`: in rounds, bases before what needs them. */
export function countBytesToFetch(chunks: Iterable<Chunk>, own: ReadonlySet<Sha256>): number {
  const left = new Map<Sha256, Chunk>();
  const need = (chunk: Chunk): void => {
    if (own.has(chunk.sha256) || left.has(chunk.sha256)) return;
    left.set(chunk.sha256, chunk);
    basesOf(chunk).forEach(need);
  };
  for (const chunk of chunks) need(chunk);
  let bytes = 0;
  while (left.size > 0) {
    const ready = [...left.values()].filter((chunk) => basesOf(chunk).every(({ sha256 }) => !left.has(sha256)));
    const ranges = planRanges(
      ready.map((chunk) => ({ chunk })),
      () => LONGEST_RANGE,
    );
    for (const { length } of ranges) bytes += length;
    for (const { sha256 } of ready) left.delete(sha256);
  }
  return bytes;
}
