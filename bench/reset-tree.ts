import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, rmSync, type Stats, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';

/**
 * Makes a tree what another is, by size and time, and leaves alone what is the same: inodes and all. Good for the trees
 * of the bench, where a changed file has another time. Pauses at every folder, so that a signal is heard.
 */
export async function resetTree(folder: string, wanted: string, signal: AbortSignal): Promise<void> {
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
    if (stats.isDirectory()) await resetTree(target, model, signal);
    else resetFile(target, model, stats);
  }
}

function resetFile(target: string, model: string, { mode, mtimeMs, size }: Stats): void {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found?.isFile() === true && found.size === size && found.mtimeMs === mtimeMs && found.mode === mode) return;
  rmSync(target, { recursive: true, force: true });
  copyFileSync(model, target);
  chmodSync(target, mode & 0o7777);
  utimesSync(target, mtimeMs / 1000, mtimeMs / 1000);
}
