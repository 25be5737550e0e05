import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { InvalidDocument } from './errors.ts';

/** A small JSON document from an untrusted place: bounded, strict, or InvalidDocument naming `what`. */
export function parseDocument<T>(what: string, schema: z.ZodType<T>, bytes: Uint8Array): T {
  if (bytes.length > MAX_DOCUMENT_BYTES) throw new InvalidDocument(what, `${bytes.length} bytes are too many`);
  return parseValue(what, schema, parseJson(what, utf8(what, bytes)));
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

/** Lines of text, each ended by a line feed, zstd-compressed: the form of manifests, plan parts and snapshots. */
export function compressLines(lines: Iterable<string>): Uint8Array {
  const blocks: Buffer[] = [];
  let block: string[] = [];
  let size = 0;
  for (const line of lines) {
    block.push(line, '\n');
    size += line.length;
    if (size >= LINE_BLOCK) {
      blocks.push(Buffer.from(block.join('')));
      block = [];
      size = 0;
    }
  }
  blocks.push(Buffer.from(block.join('')));
  return zstdCompressSync(Buffer.concat(blocks));
}

/** The lines again; refuses to inflate beyond MAX_LINES_BYTES. */
export function decompressLines(what: string, bytes: Uint8Array): Iterable<string> {
  let text: Buffer;
  try {
    text = zstdDecompressSync(bytes, { maxOutputLength: MAX_LINES_BYTES });
  } catch (cause) {
    throw new InvalidDocument(what, 'it does not decompress', { cause });
  }
  return splitLines(what, text);
}

function* splitLines(what: string, text: Buffer): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf(LINE_FEED, start);
    if (end === -1) throw new InvalidDocument(what, 'its last line is cut off');
    if (end - start > MAX_LINE_BYTES) throw new InvalidDocument(what, 'a line is too long');
    yield utf8(what, text.subarray(start, end));
    start = end + 1;
  }
}

function utf8(what: string, bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new InvalidDocument(what, 'it is not UTF-8', { cause });
  }
}

const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;
const MAX_LINES_BYTES = 2 * 1024 * 1024 * 1024 - 1;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const LINE_BLOCK = 1024 * 1024;
const LINE_FEED = 0x0a;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
