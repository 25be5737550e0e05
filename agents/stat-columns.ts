import { createHash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import { type Sha256, sha256Schema } from '#core/digest.ts';
import { parseJson, parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { freeBytes } from '#core/free-bytes.ts';
import { type ManifestSummary, manifestSummarySchema } from '#core/manifest.ts';
import { type ArtifactClass, artifactClassSchema } from '#core/profile.ts';
import { DIGEST_BYTES, STAMP_FIELDS } from './file-stats.ts';
import type { RememberedRows, RowsOfFolder, SeenFiles } from './look-at-folders.ts';
import { AGENT_VERSION } from './version.ts';

/** What is remembered of the files below one root: rows, folder by folder. */
export interface StatColumns {
  /** When every file was last read; milliseconds since 1970. */
  readonly rehashedAt: number;
  /** Of the profile that the classes are by. */
  readonly profile: Sha256;
  readonly whole: WholeTree;
  /** By path: '' for the root, else with a slash at its end. */
  readonly folders: ReadonlyMap<string, RowsOfFolder>;
  /** What the threads need. */
  readonly rows: RememberedRows;
  readonly classes: readonly ArtifactClass[];
  /** DIGEST_BYTES a row. */
  readonly digests: Uint8Array;
}

/** What the tree summed up to: still true while all rows and the rest are the same. */
export interface WholeTree {
  readonly summary: ManifestSummary;
  /** Digest of a manifest of everything that has no row: protected files, empty folders, what is left out. */
  readonly rest: Sha256;
}

const countSchema = z
  .int()
  .nonnegative()
  .max(2 ** 31);

const headerSchema = z.strictObject({
  format: z.literal('lockstep-stat-index/2'),
  /** Another one may have other rules for paths. */
  agent: z.literal(AGENT_VERSION),
  root: z.string().min(1),
  rehashedAt: z.int(),
  profile: sha256Schema,
  whole: z.strictObject({ summary: manifestSummarySchema, rest: sha256Schema }),
  classes: z.array(artifactClassSchema).max(256),
  files: countSchema,
  folders: countSchema,
  /** Bytes of the folders' paths. */
  pathBytes: countSchema,
});

const sealSchema = z.strictObject({
  ...headerSchema.shape,
  /** Of the other fields as JSON and of the columns, uncompressed. */
  sha256: sha256Schema,
});

/**
 * A line of JSON, then the columns, zstd-compressed. Of folders: paths, each ended by a line feed; numbers of files and
 * bytes of their names, 32 bits each. Of files: stamps as 64-bit numbers, field by field; digests, 32 bytes each;
 * classes, a byte each; names, each ended by a line feed. Read only where it was written, so the numbers are in the
 * machine's own order.
 */
export function encodeStatColumns(columns: StatColumns, root: string): Uint8Array {
  const { classes, digests, folders, profile, rehashedAt, rows, whole } = columns;
  const { names, stamps } = rows;
  const table = [...new Set(classes)];
  const numbers = new Map(table.map((name, number) => [name, number]));
  const paths = Buffer.from([...folders.keys()].map((path) => `${path}\n`).join(''));
  const sizes = new Uint32Array([...folders.values()].flatMap(({ count, names: [from, to] }) => [count, to - from]));
  const bytes = Buffer.allocUnsafeSlow(
    paths.length + sizes.byteLength + stamps.byteLength + digests.length + classes.length + names.length,
  );
  let at = 0;
  for (const part of [
    [paths, bytesOf(sizes)],
    fieldsOf(stamps),
    [digests, Uint8Array.from(classes, (name) => numbers.get(name) ?? 0), names],
  ]) {
    for (const piece of part) {
      bytes.set(piece, at);
      at += piece.length;
    }
  }
  const header: z.infer<typeof headerSchema> = {
    format: 'lockstep-stat-index/2',
    agent: AGENT_VERSION,
    root,
    rehashedAt,
    profile,
    whole,
    classes: table,
    files: classes.length,
    folders: folders.size,
    pathBytes: paths.length,
  };
  const sealed = { ...header, sha256: sealOf(header, bytes) };
  const compressed = zstdCompressSync(bytes, { chunkSize: CHUNK_BYTES });
  freeBytes(bytes);
  const encoded = Buffer.concat([Buffer.from(`${JSON.stringify(sealed)}\n`), compressed]);
  freeBytes(compressed);
  return encoded;
}

/** InvalidDocument for anything but what was written here for this root. */
export function decodeStatColumns(what: string, bytes: Uint8Array, root: string): StatColumns {
  const end = bytes.indexOf(LINE_FEED);
  if (end === -1) throw new InvalidDocument(what, 'it has no header');
  const text = Buffer.from(bytes.subarray(0, end)).toString();
  const { sha256: seal, ...header } = parseValue(what, sealSchema, parseJson(what, text));
  if (header.root !== root) throw new InvalidDocument(what, `it is about ${header.root}`);
  const columns = decompress(what, bytes.subarray(end + 1), header);
  try {
    if (sealOf(header, columns) !== seal) throw new InvalidDocument(what, 'it is damaged');
    return takeApart(what, header, columns);
  } finally {
    freeBytes(columns);
  }
}

/** Copies all. */
function takeApart(what: string, header: z.infer<typeof headerSchema>, bytes: Buffer): StatColumns {
  const { files, folders, pathBytes, profile, rehashedAt, whole } = header;
  let at = 0;
  const take = (length: number) => {
    at += length;
    if (at > bytes.length) throw new InvalidDocument(what, 'it is cut off');
    return bytes.subarray(at - length, at);
  };
  const paths = take(pathBytes).toString().split('\n');
  const sizes = new Uint32Array(copyOf(take(folders * FOLDER_BYTES)));
  const stamps = new BigInt64Array(new SharedArrayBuffer(files * STAMP_FIELDS * BigInt64Array.BYTES_PER_ELEMENT));
  for (let field = 0; field < STAMP_FIELDS; field++) {
    const values = new BigInt64Array(copyOf(take(files * BigInt64Array.BYTES_PER_ELEMENT)));
    for (let row = 0; row < files; row++) stamps[row * STAMP_FIELDS + field] = values[row] ?? 0n;
    freeBytes(new Uint8Array(values.buffer));
  }
  const digests = Buffer.from(take(files * DIGEST_BYTES));
  const classes = Array.from(take(files), (number) => header.classes[number] ?? '');
  const names = sharedBytes(take(bytes.length - at));
  return {
    rehashedAt,
    profile,
    whole,
    folders: rowsOf(paths, sizes),
    rows: { names, stamps },
    classes,
    digests,
  };
}

function rowsOf(paths: readonly string[], sizes: Uint32Array): Map<string, RowsOfFolder> {
  const folders = new Map<string, RowsOfFolder>();
  let [first, from] = [0, 0];
  for (let index = 0; index < sizes.length / 2; index++) {
    const [count = 0, bytes = 0] = [sizes[2 * index], sizes[2 * index + 1]];
    folders.set(paths[index] ?? '', { first, count, names: [from, from + bytes] });
    first += count;
    from += bytes;
  }
  return folders;
}

export function namesOf({ rows: { names } }: StatColumns, { names: [from, to] }: RowsOfFolder): string[] {
  const list = Buffer.from(names.buffer, names.byteOffset + from, to - from)
    .toString()
    .split('\n');
  // What stands behind the last line feed.
  list.pop();
  return list;
}

type FileColumns = Omit<SeenFiles, 'unread' | 'bytesRead'>;

/** Gathers rows for the next StatColumns. */
export class ColumnsBuilder {
  readonly #folders = new Map<string, RowsOfFolder>();
  readonly #names: Buffer[] = [];
  readonly #stamps: BigInt64Array[] = [];
  readonly #digests: Uint8Array[] = [];
  readonly #classes: ArtifactClass[] = [];
  #nameBytes = 0;
  #path = '';
  #first = 0;
  #from = 0;

  startFolder(path: string): void {
    this.#endFolder();
    this.#path = path;
  }

  /** All rows of a folder, as they were. */
  addAll(known: StatColumns, rows: RowsOfFolder): void {
    const [from, to] = rows.names;
    const end = rows.first + rows.count;
    this.#addNames(Buffer.from(known.rows.names.subarray(from, to)));
    this.#stamps.push(known.rows.stamps.subarray(rows.first * STAMP_FIELDS, end * STAMP_FIELDS));
    this.#digests.push(known.digests.subarray(rows.first * DIGEST_BYTES, end * DIGEST_BYTES));
    for (let row = rows.first; row < end; row++) this.#classes.push(known.classes[row] ?? '');
  }

  /** Some rows of a folder, as they were. */
  addSome(known: StatColumns, rows: RowsOfFolder, places: readonly number[]): void {
    const names = namesOf(known, rows);
    this.#addNames(Buffer.from(places.map((place) => `${names[place - rows.first]}\n`).join('')));
    this.#stamps.push(pick(known.rows.stamps, places));
    this.#digests.push(pickDigests(known.digests, places));
    for (const place of places) this.#classes.push(known.classes[place] ?? '');
  }

  addFiles({ classes, classNumbers, digests, names, stamps }: FileColumns, indexes: readonly number[]): void {
    const isAll = indexes.length === classNumbers.length;
    const list = isAll ? [] : names.split('\n');
    this.#addNames(Buffer.from(isAll ? names : indexes.map((index) => `${list[index]}\n`).join('')));
    this.#stamps.push(isAll ? stamps : pick(stamps, indexes));
    this.#digests.push(isAll ? digests : pickDigests(digests, indexes));
    for (const index of indexes) this.#classes.push(classes[classNumbers[index] ?? 0] ?? '');
  }

  finish(about: Pick<StatColumns, 'rehashedAt' | 'profile' | 'whole'>): StatColumns {
    this.#endFolder();
    const stamps = new BigInt64Array(this.#classes.length * STAMP_FIELDS);
    let at = 0;
    for (const part of this.#stamps) {
      stamps.set(part, at);
      at += part.length;
    }
    const digests = Buffer.concat(this.#digests);
    return {
      ...about,
      folders: this.#folders,
      rows: { names: Buffer.concat(this.#names), stamps },
      classes: this.#classes,
      digests,
    };
  }

  #addNames(bytes: Buffer): void {
    this.#names.push(bytes);
    this.#nameBytes += bytes.length;
  }

  #endFolder(): void {
    const count = this.#classes.length - this.#first;
    if (count > 0) {
      this.#folders.set(this.#path, { first: this.#first, count, names: [this.#from, this.#nameBytes] });
    }
    this.#first = this.#classes.length;
    this.#from = this.#nameBytes;
  }
}

/** The stamps of some files, in one piece: objects, not numbers, are what costs memory. */
function pick(stamps: BigInt64Array, indexes: readonly number[]): BigInt64Array {
  const picked = new BigInt64Array(indexes.length * STAMP_FIELDS);
  for (const [to, from] of indexes.entries())
    for (let field = 0; field < STAMP_FIELDS; field++)
      picked[to * STAMP_FIELDS + field] = stamps[from * STAMP_FIELDS + field] ?? 0n;
  return picked;
}

function pickDigests(digests: Uint8Array, indexes: readonly number[]): Uint8Array {
  const picked = new Uint8Array(indexes.length * DIGEST_BYTES);
  for (const [to, from] of indexes.entries()) {
    picked.set(digests.subarray(from * DIGEST_BYTES, (from + 1) * DIGEST_BYTES), to * DIGEST_BYTES);
  }
  return picked;
}

export function digestAt({ digests }: Pick<StatColumns, 'digests'>, row: number): Sha256 {
  return Buffer.from(digests.buffer, digests.byteOffset + row * DIGEST_BYTES, DIGEST_BYTES).toString('hex') as Sha256;
}

function sealOf(header: z.infer<typeof headerSchema>, columns: Uint8Array): Sha256 {
  return createHash('sha256').update(JSON.stringify(header)).update(columns).digest('hex') as Sha256;
}

/** Into one piece, where names are of ordinary length: else there would be pieces, and what they are put together to. */
function decompress(what: string, bytes: Uint8Array, { files, folders, pathBytes }: Counts): Buffer {
  const likely = pathBytes + folders * FOLDER_BYTES + files * (FILE_BYTES + LIKELY_NAME);
  try {
    return zstdDecompressSync(bytes, {
      chunkSize: Math.min(Math.max(likely, CHUNK_BYTES), MAX_PIECE),
      maxOutputLength: MAX_BYTES,
    });
  } catch (cause) {
    throw new InvalidDocument(what, 'it does not decompress', { cause });
  }
}

function bytesOf({ buffer, byteLength, byteOffset }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Numbers of more than a byte need a place that their size divides. */
function copyOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function sharedBytes(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

/** Rows become columns, one after the other in the same memory: numbers of one kind, side by side, compress well. */
function* fieldsOf(stamps: BigInt64Array): Generator<Uint8Array> {
  const values = new BigInt64Array(stamps.length / STAMP_FIELDS);
  for (let field = 0; field < STAMP_FIELDS; field++) {
    for (let row = 0; row < values.length; row++) values[row] = stamps[row * STAMP_FIELDS + field] ?? 0n;
    yield bytesOf(values);
  }
}

type Counts = Pick<z.infer<typeof headerSchema>, 'files' | 'folders' | 'pathBytes'>;

/** Two numbers. */
const FOLDER_BYTES = 8;
const LINE_FEED = 0x0a;
/** Of its stamp, digest and class. */
const FILE_BYTES = STAMP_FIELDS * BigInt64Array.BYTES_PER_ELEMENT + DIGEST_BYTES + 1;
const LIKELY_NAME = 32;
/** What is not filled takes no memory. */
const MAX_PIECE = 256 * 1024 * 1024;
/** Of the output: many small pieces would have to be put together. */
const CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_BYTES = 2 * 1024 * 1024 * 1024 - 1;
