import { copyFileSync, linkSync, lstatSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

export interface Copy {
  readonly from: string;
  /** Must not be there. */
  readonly to: string;
  /** What is never changed in place, by its name: the copy shares it. */
  readonly isShared?: (name: string) => boolean;
}

/** A copy with permissions and times. Pauses at every folder, so that a signal is heard. */
export async function copyFolder({ from, isShared = () => false, to }: Copy, signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
  mkdirSync(to, { recursive: true, mode: lstatSync(from).mode });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [path, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await copyFolder({ from: path, to: target, isShared }, signal);
    } else if (isShared(entry.name)) {
      linkSync(path, target);
    } else {
      copyFileSync(path, target);
      const { atimeMs, mtimeMs } = lstatSync(path);
      utimesSync(target, atimeMs / 1000, mtimeMs / 1000);
    }
  }
}

export function isAnyName(): boolean {
  return true;
}

/** A digest: what has one for its name is never changed in place. */
export function isDigestName(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}
