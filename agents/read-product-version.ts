import { closeSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { findProductVersion } from '#core/product-version.ts';
import type { Profile } from '#core/profile.ts';
import { foldersAbove } from './activate.ts';
import { findEntry } from './find-entry.ts';
import { openQuietly, readFully } from './read-file.ts';

/**
 * The version in the file that the profile names. `undefined` where that does not say one: a server without the
 * product has none, and what follows from that is for the plan to say.
 */
export function readProductVersion(root: string, product: Profile['product']): string | undefined {
  if (product === undefined) return undefined;
  const path = product['version-file'];
  if (foldersAbove(path).some((folder) => findEntry(`${root}/${folder}`)?.isDirectory() !== true)) return undefined;
  if (findEntry(`${root}/${path}`)?.isFile() !== true) return undefined;
  const bytes = readBeginning(`${root}/${path}`);
  return bytes && findProductVersion(decode(bytes), product.prefix);
}

function readBeginning(path: string): Uint8Array | undefined {
  let descriptor: number;
  try {
    descriptor = openQuietly(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'EBUSY')) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(MOST_BYTES);
    return bytes.subarray(0, readFully(descriptor, bytes));
  } finally {
    closeSync(descriptor);
  }
}

/** Windows programs write UTF-16, too; the mark at the beginning says so. */
function decode(bytes: Uint8Array): string {
  const isWide = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isWide ? 'utf-16le' : 'utf-8').decode(bytes);
}

const MOST_BYTES = 64 * 1024;
