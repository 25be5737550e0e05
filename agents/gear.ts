import { hash } from 'node:crypto';
import { WHOLE_BYTES } from '#core/chunk-sizes.ts';

/**
 * The rolling hash of FastCDC (Xia et al., 2016): at each byte `hash = (hash << 1) + GEAR[byte]`, modulo 2^32. A shift
 * to the left lets a byte go after 32 more, and keeps what the last 32 bytes have in common in the upper bits: a cut is
 * where the hash, unsigned, is below a limit.
 */
export const GEAR: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) =>
  // Never to be changed: other numbers cut everywhere else, and nothing that is stored would be found again.
  Number.parseInt(hash('sha256', `lockstep-gear/1 ${byte}`, 'hex').slice(0, 8), 16),
);

/** Bytes that a hash depends on. */
export const WINDOW = 32;

/** Bytes of a chunk. Up to `normal` a cut is four times as rare as the average wants, from there four times as frequent. */
export interface CutSizes {
  readonly smallest: number;
  readonly normal: number;
  readonly longest: number;
}

/** What a hash must be below to cut, before and after the normal size. */
export function limitsOf({ normal }: CutSizes): { readonly rare: number; readonly frequent: number } {
  const even = 2 ** 32 / normal;
  return { rare: even / NORMALISATION, frequent: even * NORMALISATION };
}

/** Normal sizes of chunks, for files below LARGE_BYTES and from there on. */
export interface Averages {
  readonly medium: number;
  readonly large: number;
}

/** Never to be changed, either: what is stored was cut by them. `npm run bench -- --case sweep` shows others. */
export const AVERAGES: Averages = { medium: 16 * 1024, large: 64 * 1024 };

/**
 * By the size of the file. A small file is one chunk. A large one, of which more changes at a time, has larger chunks,
 * for each costs about 40 bytes in every index that lists it.
 */
export function cutSizesOf(fileBytes: number, { large, medium }: Averages = AVERAGES): CutSizes {
  if (fileBytes <= WHOLE_BYTES) return { smallest: WHOLE_BYTES, normal: WHOLE_BYTES, longest: WHOLE_BYTES };
  const normal = fileBytes < LARGE_BYTES ? medium : large;
  return { smallest: normal / 4, normal, longest: normal * 4 };
}

const NORMALISATION = 4;
export const LARGE_BYTES = 8 * 1024 * 1024;
