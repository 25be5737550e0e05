import * as z from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { type Sha256, sha256Schema } from './digest.ts';
import { decompressBlocks, decompressLines, parseLine, utf8 } from './documents.ts';
import { InvalidDocument } from './errors.ts';
import { freeBytes } from './free-bytes.ts';
import { headerLine, parseManifestLine } from './manifest.ts';

const DELTA_FORMAT = 'lockstep-manifest-delta/1';

/** Deltas on top of each other. */
export const MAX_DELTAS = 8;

const headerSchema = z.strictObject({
  /** The manifest that this one is to be made of. */
  base: sha256Schema,
  /** More than that of the base, so that no delta leads to itself; a whole manifest has none. */
  depth: z.int().min(1).max(MAX_DELTAS),
  format: z.literal(DELTA_FORMAT),
  profile: sha256Schema,
});

const goneSchema = z.strictObject({ kind: z.literal('gone'), path: z.string() });

export type DeltaHeader = Omit<z.infer<typeof headerSchema>, 'format'>;

export function deltaHeaderLine(header: DeltaHeader): string {
  return canonicalJson({ ...header, format: DELTA_FORMAT });
}

/** Says that the base has something of this path, and the manifest has not. */
export function goneLine(path: string): string {
  return canonicalJson({ kind: 'gone', path });
}

/** Of a delta; `undefined` when the object is anything else, which whoever reads it as a manifest will say. */
export function findDeltaHeader(what: string, bytes: Uint8Array): DeltaHeader | undefined {
  const first = decompressLines(what, bytes).next();
  if (first.done === true || !first.value.startsWith('{"base":')) return undefined;
  return parseLine(what, headerSchema, first.value);
}

/**
 * The lines of a manifest as blocks: of a whole one, or of deltas down to a whole one. Whoever wrote them may have meant
 * harm, and only a digest over all lines says that they are the right ones.
 */
export function* manifestBlocks(what: string, [newest, ...older]: readonly Uint8Array[]): Generator<Buffer> {
  if (newest === undefined) throw new InvalidDocument(what, 'it has no whole manifest below its deltas');
  if (older.length === 0) yield* decompressBlocks(what, newest);
  else yield* applyDelta(what, new Edits(what, newest), manifestBlocks(what, older));
}

function* applyDelta(what: string, edits: Edits, base: Iterable<Buffer>): Generator<Buffer> {
  let start = 0;
  let header: Buffer | undefined = Buffer.from(`${headerLine(edits.profile)}\n`);
  for (const block of base) {
    const pieces: Buffer[] = [];
    start = 0;
    if (header !== undefined) {
      pieces.push(header);
      start = block.indexOf(LINE_FEED) + 1;
      header = undefined;
    }
    const last = start < block.length ? pathAt(what, block, lineStart(block, block.length - 1)) : '';
    for (let edit = edits.next; edit !== undefined && edit.path <= last; edit = edits.advance()) {
      const at = findLine(what, { block, start }, edit.path);
      const isThere = at < block.length && pathAt(what, block, at) === edit.path;
      pieces.push(block.subarray(start, at), linesOf(what, edit, isThere));
      start = isThere ? block.indexOf(LINE_FEED, at) + 1 : at;
    }
    if (pieces.length === 0) {
      yield block;
      continue;
    }
    const joined = Buffer.concat([...pieces, block.subarray(start)]);
    freeBytes(block);
    if (joined.length > 0) yield joined;
  }
  for (let edit = edits.next; edit !== undefined; edit = edits.advance()) yield linesOf(what, edit, false);
}

interface Edit {
  readonly path: string;
  /** With its line feed; `undefined` where the manifest has nothing of this path. */
  readonly line: Buffer | undefined;
}

function linesOf(what: string, { line, path }: Edit, isThere: boolean): Buffer {
  if (line === undefined && !isThere)
    throw new InvalidDocument(what, `its base has no ${JSON.stringify(path)} to remove`);
  return line ?? Buffer.alloc(0);
}

/** What a delta says, in order, one at a time. */
class Edits {
  readonly profile: Sha256;
  next: Edit | undefined;
  readonly #what: string;
  readonly #lines: Iterator<string>;

  constructor(what: string, bytes: Uint8Array) {
    this.#what = what;
    this.#lines = decompressLines(what, bytes);
    const first = this.#lines.next();
    if (first.done === true) throw new InvalidDocument(what, 'it is empty');
    this.profile = parseLine(what, headerSchema, first.value).profile;
    this.advance();
  }

  advance(): Edit | undefined {
    const former = this.next;
    const line = this.#lines.next();
    this.next = line.done === true ? undefined : parseEdit(this.#what, line.value);
    if (former !== undefined && this.next !== undefined && this.next.path <= former.path) {
      throw new InvalidDocument(this.#what, `${JSON.stringify(this.next.path)} is out of order in a delta`);
    }
    return this.next;
  }
}

function parseEdit(what: string, line: string): Edit {
  if (line.startsWith('{"kind":"gone"')) {
    return { path: parseLine(what, goneSchema, line).path, line: undefined };
  }
  return { path: parseManifestLine(what, line).path, line: Buffer.from(`${line}\n`) };
}

interface Lines {
  readonly block: Buffer;
  readonly start: number;
}

/** The first line whose path is not before this one, by halves. */
function findLine(what: string, { block, start }: Lines, path: string): number {
  let [low, high] = [start, block.length];
  while (low < high) {
    const middle = Math.max(lineStart(block, (low + high) >> 1), low);
    if (pathAt(what, block, middle) < path) low = block.indexOf(LINE_FEED, middle) + 1;
    else high = middle;
  }
  return low;
}

/** Of the line that has this byte. */
function lineStart(block: Buffer, at: number): number {
  return at === 0 ? 0 : block.lastIndexOf(LINE_FEED, at - 1) + 1;
}

function pathAt(what: string, block: Buffer, line: number): string {
  const key = block.indexOf(PATH_KEY, line);
  const start = key + PATH_KEY.length;
  const end = block.indexOf(QUOTE, start);
  if (key === -1 || end === -1) throw new InvalidDocument(what, 'a line of it has no path');
  const path = block.subarray(start, end);
  if (!path.includes(BACKSLASH)) return utf8(what, path);
  return parseManifestLine(what, utf8(what, block.subarray(line, block.indexOf(LINE_FEED, line)))).path;
}

const PATH_KEY = Buffer.from('"path":"');
const [LINE_FEED, QUOTE, BACKSLASH] = [0x0a, 0x22, 0x5c];
