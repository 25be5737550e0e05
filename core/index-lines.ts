import type { Encoding } from './chunk-index.ts';
import type { Sha256 } from './digest.ts';
import { InvalidDocument } from './errors.ts';

export type ChunkLine = readonly [
  kind: 'chunk',
  sha256: Sha256,
  pack: number,
  offset: number,
  length: number,
  size: number,
  encoding: Encoding,
  ...bases: number[],
];

export type ContentLine = readonly [
  kind: 'content',
  sha256: Sha256,
  size: number,
  ...runs: (readonly [first: number, count: number])[],
];

/** A line of an index, or InvalidDocument. Looked at by hand, for there is one for each chunk of everything. */
export function parseIndexLine(what: string, value: unknown): ChunkLine | ContentLine {
  if (isChunkLine(value) || isContentLine(value)) return value;
  throw invalidLine(what, value);
}

export function parseChunkLine(what: string, value: unknown): ChunkLine {
  if (isChunkLine(value)) return value;
  throw invalidLine(what, value);
}

export function parseContentLine(what: string, value: unknown): ContentLine {
  if (isContentLine(value)) return value;
  throw invalidLine(what, value);
}

function isChunkLine(value: unknown): value is ChunkLine {
  if (!Array.isArray(value)) return false;
  const [kind, sha256, pack, offset, length, size, encoding]: unknown[] = value;
  if (kind !== 'chunk' || !isDigest(sha256) || !isCount(pack) || !isCount(offset)) return false;
  if (!isSize(length, 2 * MAX_CHUNK_BYTES) || !isSize(size, MAX_CHUNK_BYTES)) return false;
  if (encoding !== 'raw' && encoding !== 'zstd' && encoding !== 'zstd-dict') return false;
  for (let at = CHUNK_FIELDS; at < value.length; at++) if (!isCount(value[at])) return false;
  return true;
}

function isContentLine(value: unknown): value is ContentLine {
  if (!Array.isArray(value)) return false;
  const [kind, sha256, size, ...runs]: unknown[] = value;
  return kind === 'content' && isDigest(sha256) && isCount(size) && runs.every(isRun);
}

function isRun(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && isSize(value[1], Number.MAX_SAFE_INTEGER);
}

function isDigest(value: unknown): boolean {
  return typeof value === 'string' && DIGEST.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSize(value: unknown, most: number): boolean {
  return isCount(value) && value > 0 && value <= most;
}

function invalidLine(what: string, value: unknown): InvalidDocument {
  return new InvalidDocument(what, `it has a line that is none: ${JSON.stringify(value).slice(0, SHOWN)}`);
}

const MAX_CHUNK_BYTES = 1024 * 1024;
const DIGEST = /^[0-9a-f]{64}$/;
const CHUNK_FIELDS = 7;
const SHOWN = 120;
