import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs';
import { hasCode } from '#adapters/file-errors.ts';
import { type Dress, dress } from './seal-files.ts';

/** Writes pieces of staged files, in any order. Keeps the file open that it wrote last: the next piece is mostly its. */
export class StagedWriter {
  #open: { readonly path: string; readonly descriptor: number } | undefined;

  write(path: string, content: Uint8Array, position: number): void {
    if (this.#open?.path !== path) {
      this[Symbol.dispose]();
      this.#open = { path, descriptor: openSync(path, WRITE_FLAGS, 0o600) };
    }
    writeAll(this.#open.descriptor, content, position);
  }

  /** A file of which this is all, made anew: it needs no sealing. */
  writeWhole(path: string, content: Uint8Array, clothes: Dress): void {
    const descriptor = openNew(path);
    try {
      writeAll(descriptor, content, 0);
      dress(descriptor, clothes);
    } finally {
      closeSync(descriptor);
    }
  }

  [Symbol.dispose](): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) closeSync(open.descriptor);
  }
}

function writeAll(descriptor: number, content: Uint8Array, position: number): void {
  for (let written = 0; written < content.length; ) {
    written += writeSync(descriptor, content, written, content.length - written, position + written);
  }
}

/** What an interrupted run has left there is damaged, or only a part. */
function openNew(path: string): number {
  try {
    return openSync(path, WRITE_FLAGS | constants.O_EXCL, 0o600);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  unlinkSync(path);
  return openSync(path, WRITE_FLAGS | constants.O_EXCL, 0o600);
}

// Not truncated: the chunks of a file come in any order.
const WRITE_FLAGS = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
