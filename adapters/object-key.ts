import { StorePermanent } from '#core/errors.ts';
import type { ByteRange } from '#core/ports/object-store.ts';

/** Longer than any segment that core/keys.ts makes, short enough for a file name everywhere. */
const SEGMENT = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9_-])?$/;

/** S3's own limit. */
const LONGEST_KEY = 1024;

/** The same grammar for every store, so that none takes a key that another one refuses. */
export function isObjectKey(key: string): boolean {
  return key.length <= LONGEST_KEY && key.split('/').every(isKeySegment);
}

export function isKeySegment(segment: string): boolean {
  return SEGMENT.test(segment);
}

export function assertObjectKey(key: string): void {
  if (isObjectKey(key)) return;
  throw new StorePermanent(
    JSON.stringify(key),
    'not an object key: expected segments of A-Z a-z 0-9 . _ - between slashes',
  );
}

/** As the keys in them sort: `a-b` before `a` before `a0`. */
export function sortFolders(names: Iterable<string>, from = ''): string[] {
  const folders = [...names].map((name) => `${name}/`).filter((folder) => folder > from);
  return folders.sort().map((folder) => folder.slice(0, -1));
}

export function assertByteRange(key: string, { offset, length }: ByteRange): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) return;
  throw new StorePermanent(key, `bytes ${offset} and ${length} more are not a range`);
}

/** Bytes; what is larger has to be read in ranges, so that no writer can make a reader run out of memory. */
const LARGEST_WHOLE_READ = 1024 ** 3;

export function assertReadableWhole(key: string, size: number): void {
  if (size <= LARGEST_WHOLE_READ) return;
  throw new StorePermanent(key, `${size} bytes are too many to read at once; read it in ranges`);
}
