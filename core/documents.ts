import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { LineHasher, type Sha256 } from './digest.ts';
import { InvalidDocument } from './errors.ts';
import { freeBytes } from './free-bytes.ts';
import { zstdContentSize, zstdFrameEnd } from './zstd-frame.ts';

/** A JSON document from an untrusted place: of `most` bytes, strict, or InvalidDocument naming `what`. */
export function parseDocument<T>(
  what: string,
  schema: z.ZodType<T>,
  bytes: Uint8Array,
  most: number = MAX_DOCUMENT_BYTES,
): T {
  if (bytes.length > most) throw new InvalidDocument(what, `${bytes.length} bytes are too many`);
  return parseValue(what, schema, parseJson(what, utf8(what, bytes)));
}

/** One line of the many of a manifest or a part. What is parsed takes many times the memory of its text. */
export function parseLine<T>(what: string, schema: z.ZodType<T>, line: string): T {
  if (line.length > MAX_PARSED_LINE) throw new InvalidDocument(what, 'a line is too long');
  return parseValue(what, schema, parseJson(what, line));
}

export function parseValue<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : ` (at ${issue.path.map(String).join('.')})`;
  throw new InvalidDocument(what, `${issue?.message ?? 'unknown problem'}${where}`, { cause: parsed.error });
}

export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidDocument(what, 'it is not JSON', { cause });
  }
}

export function encodeDocument(value: unknown): Uint8Array {
  return Buffer.from(canonicalJson(value));
}

/** Of lines as they are, whatever compresses them. */
export function digestOfLines(lines: Iterable<string>): Sha256 {
  const hasher = new LineHasher();
  for (const line of lines) hasher.add(line);
  return hasher.digest();
}

/** Lines of text, each ended by a line feed, zstd-compressed: the form of manifests, plan parts and snapshots. */
export function compressLines(lines: Iterable<string>): Uint8Array {
  const frames: Buffer[] = [];
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    if (block.length < LINE_BLOCK) continue;
    frames.push(compressBlock(block));
    block = '';
  }
  if (block !== '' || frames.length === 0) frames.push(compressBlock(block));
  return Buffer.concat(frames);
}

/** A frame of its own, so that a reader can decompress block by block. */
function compressBlock(block: string): Buffer {
  return zstdCompressSync(block, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
}

/**
 * That these are the lines that the digest names, seen block by block: whoever holds what he reads looks at this first,
 * for the store may hold lines without end.
 */
export function assertDigestOfLines(what: string, bytes: Uint8Array, expected: Sha256): void {
  const hasher = new LineHasher();
  for (const block of decompressBlocks(what, bytes)) {
    hasher.addText(block);
    freeBytes(block);
  }
  const digest = hasher.digest();
  if (digest !== expected) throw new InvalidDocument(what, `its digest is ${digest}`);
}

/** The lines again; refuses to inflate beyond MAX_LINES_BYTES. */
export function* decompressLines(what: string, bytes: Uint8Array): Generator<string> {
  for (const block of decompressBlocks(what, bytes)) {
    for (let start = 0; start < block.length; ) {
      const end = block.indexOf(LINE_FEED, start);
      if (end - start > MAX_LINE_BYTES) throw new InvalidDocument(what, 'a line is too long');
      yield utf8(what, block.subarray(start, end));
      start = end + 1;
    }
  }
}

/** The same as blocks of whole lines, each ended by its line feed; a block's memory is the caller's own. */
export function* decompressBlocks(what: string, bytes: Uint8Array): Generator<Buffer> {
  let inflated = 0;
  let carried: Buffer = Buffer.alloc(0);
  for (let at = 0; at < bytes.length; ) {
    const end = zstdFrameEnd(bytes, at);
    const block = inflate(what, bytes.subarray(at, end), Math.min(MAX_FRAME_BYTES, MAX_LINES_BYTES - inflated));
    inflated += block.length;
    at = end;
    const whole = block.lastIndexOf(LINE_FEED) + 1;
    // Whoever wrote this may have cut it anywhere.
    const lines = carried.length === 0 ? block.subarray(0, whole) : Buffer.concat([carried, block.subarray(0, whole)]);
    carried = whole > 0 ? Buffer.from(block.subarray(whole)) : Buffer.concat([carried, block]);
    if (carried.length > MAX_LINE_BYTES) throw new InvalidDocument(what, 'a line is too long');
    if (whole > 0) yield lines;
  }
  if (bytes.length === 0) throw new InvalidDocument(what, 'it does not decompress');
  if (carried.length > 0) throw new InvalidDocument(what, 'its last line is cut off');
}

function inflate(what: string, bytes: Uint8Array, most: number): Buffer {
  try {
    // What is given for the output is cleared and thrown away each time: for a few lines that is nearly all the work.
    const chunkSize = Math.min(2 * LINE_BLOCK, (zstdContentSize(bytes) ?? 2 * LINE_BLOCK) + SPARE);
    return zstdDecompressSync(bytes, { chunkSize, maxOutputLength: Math.max(most, 1) });
  } catch (cause) {
    const isBomb = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new InvalidDocument(what, isBomb ? 'it inflates beyond all bounds' : 'it does not decompress', { cause });
  }
}

export function utf8(what: string, bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new InvalidDocument(what, 'it is not UTF-8', { cause });
  }
}

/** That names every server of a fleet. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
/** That is about one server: an order, and whatever an agent signs. */
export const MAX_SIGNED_BYTES = 1024 * 1024;
/** Of a path of 8 KiB, every character of it escaped. */
const MAX_PARSED_LINE = 64 * 1024;
const MAX_LINES_BYTES = 2 * 1024 * 1024 * 1024 - 1;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const LINE_BLOCK = 1024 * 1024;
/** One is inflated at a time: a block whose characters are of three bytes, and the line that filled it. */
const MAX_FRAME_BYTES = 3 * LINE_BLOCK + MAX_LINE_BYTES;
/** Of lines with digests in them the higher levels make more bytes, not fewer, in twice the time. */
const LEVEL = 1;
/** An output that is filled to its end makes zlib ask for another one. */
const SPARE = 64;
const LINE_FEED = 0x0a;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
