import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  type Stats,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/**
 * Makes a tree what another is, by size and time, and leaves alone what is the same: inodes and all. Good for the trees
 * of the bench, where a changed file has another time. Pauses at every folder, so that a signal is heard.
 */
export async function resetTree({ byLink = false, folder, wanted }: Reset, signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
  mkdirSync(folder, { recursive: true });
  const names = new Set(readdirSync(wanted));
  for (const name of readdirSync(folder)) {
    if (!names.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  for (const name of names) {
    const [target, model] = [join(folder, name), join(wanted, name)];
    const stats = lstatSync(model);
    if (stats.isDirectory()) await resetTree({ folder: target, wanted: model, byLink }, signal);
    else resetFile(target, model, { stats, byLink });
  }
}

interface Reset {
  readonly folder: string;
  readonly wanted: string;
  /** Share the files: for who never changes one in place. */
  readonly byLink?: boolean;
}

interface ResetFile {
  readonly stats: Stats;
  readonly byLink: boolean;
}

function resetFile(target: string, model: string, { byLink, stats: { mode, mtimeMs, size } }: ResetFile): void {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found?.isFile() === true && found.size === size && found.mtimeMs === mtimeMs && found.mode === mode) return;
  rmSync(target, { recursive: true, force: true });
  if (byLink) {
    linkSync(model, target);
    return;
  }
  copyFileSync(model, target);
  chmodSync(target, mode & 0o7777);
  utimesSync(target, mtimeMs / 1000, mtimeMs / 1000);
}
