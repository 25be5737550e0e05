import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { loadProfile } from '#adapters/profile-file.ts';
import { classifier, isSyncedClass } from '#core/classify.ts';

/** Throws when a file of the model that travels is not in the folder with the same bytes. */
export async function assertHolds(folder: string, model: string, signal: AbortSignal): Promise<void> {
  const classify = classifier(await loadProfile('generic'));
  for (const entry of readdirSync(model, { recursive: true, withFileTypes: true })) {
    const path = relative(model, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (!entry.isFile() || !isSyncedClass(classify(path))) continue;
    await setImmediate();
    signal.throwIfAborted();
    if (!isSame(join(folder, path), join(model, path))) {
      throw new Error(`after the sync ${path} is not at the destination as it is at the source`);
    }
  }
}

function isSame(one: string, other: string): boolean {
  if (statSync(one, { throwIfNoEntry: false })?.size !== statSync(other).size) return false;
  const descriptors = [openSync(one, 'r'), openSync(other, 'r')] as const;
  try {
    const [left, right] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
    for (;;) {
      const lengths = [readSync(descriptors[0], left), readSync(descriptors[1], right)] as const;
      if (lengths[0] !== lengths[1] || left.compare(right, 0, lengths[1], 0, lengths[0]) !== 0) return false;
      if (lengths[0] === 0) return true;
    }
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

const PIECE_BYTES = 1024 * 1024;
