import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { type Sha256, sha256, sha256Schema } from '#core/digest.ts';
import { parseJson, parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { STAMP_FIELDS } from './file-stats.ts';

/** What is remembered of the files below one root; the same index means the same file in all three. */
export interface StatColumns {
  /** When every file was last read; milliseconds since 1970. */
  readonly rehashedAt: number;
  readonly paths: readonly string[];
  /** STAMP_FIELDS a file. */
  readonly stamps: BigInt64Array;
  readonly digests: readonly Sha256[];
}

const headerSchema = z.strictObject({
  format: z.literal('lockstep-stat-index/1'),
  root: z.string().min(1),
  rehashedAt: z.int(),
  files: z.int().nonnegative().max(50_000_000),
  /** Of the columns, uncompressed. */
  sha256: sha256Schema,
});

/**
 * A line of JSON, then the columns, zstd-compressed: paths, each ended by a line feed; stamps as 64-bit numbers, field
 * by field; digests, 32 bytes each. Read only where it was written, so the numbers are in the machine's own order.
 */
export function encodeStatColumns({ digests, paths, rehashedAt, stamps }: StatColumns, root: string): Uint8Array {
  const files = paths.length;
  const text = paths.map((path) => `${path}\n`).join('');
  const fields = Buffer.from(transpose(stamps, files, STAMP_FIELDS).buffer);
  const columns = Buffer.concat([Buffer.from(text), fields, Buffer.from(digests.join(''), 'hex')]);
  const header = { format: 'lockstep-stat-index/1', root, rehashedAt, files, sha256: sha256(columns) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), zstdCompressSync(columns)]);
}

/** InvalidDocument for anything but what was written here for this root. */
export function decodeStatColumns(what: string, bytes: Uint8Array, root: string): StatColumns {
  const end = bytes.indexOf(LINE_FEED);
  if (end === -1) throw new InvalidDocument(what, 'it has no header');
  const header = parseValue(what, headerSchema, parseJson(what, Buffer.from(bytes.subarray(0, end)).toString()));
  if (header.root !== root) throw new InvalidDocument(what, `it is about ${header.root}`);
  const columns = decompress(what, bytes.subarray(end + 1));
  if (sha256(columns) !== header.sha256) throw new InvalidDocument(what, 'it is damaged');
  const { files, rehashedAt } = header;
  const stampBytes = files * STAMP_FIELDS * BigInt64Array.BYTES_PER_ELEMENT;
  const stampsAt = columns.length - files * DIGEST_BYTES - stampBytes;
  if (stampsAt < 0) throw new InvalidDocument(what, 'it is cut off');
  const paths = columns.toString('utf8', 0, stampsAt).split('\n');
  if (paths.pop() !== '' || paths.length !== files) throw new InvalidDocument(what, 'its columns differ in length');
  const fields = new BigInt64Array(new Uint8Array(columns.subarray(stampsAt, stampsAt + stampBytes)).buffer);
  const hex = columns.toString('hex', stampsAt + stampBytes);
  return {
    rehashedAt,
    paths,
    stamps: transpose(fields, STAMP_FIELDS, files),
    digests: paths.map((_, index) => hex.slice(index * 2 * DIGEST_BYTES, (index + 1) * 2 * DIGEST_BYTES) as Sha256),
  };
}

function decompress(what: string, bytes: Uint8Array): Buffer {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: MAX_BYTES });
  } catch (cause) {
    throw new InvalidDocument(what, 'it does not decompress', { cause });
  }
}

/** Rows become columns: numbers of one kind, side by side, compress well. */
function transpose(values: BigInt64Array, rows: number, columns: number): BigInt64Array<ArrayBuffer> {
  const turned = new BigInt64Array(rows * columns);
  for (let column = 0; column < columns; column++)
    for (let row = 0; row < rows; row++) turned[column * rows + row] = values[row * columns + column] ?? 0n;
  return turned;
}

const DIGEST_BYTES = 32;
const LINE_FEED = 0x0a;
const MAX_BYTES = 2 * 1024 * 1024 * 1024 - 1;
