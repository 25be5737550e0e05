import { lstatSync, readdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { ServerFacts } from '#core/server.ts';
import { keptBytes } from './carry-over.ts';
import type { AgentContext } from './context.ts';
import { readProductVersion } from './read-product-version.ts';
import { downloadBytesPerSecond } from './transfer-rate.ts';

/** What the root's file system can hold, found without writing to it, and how fast the way to the store has been. */
export async function findFacts({
  bytesPerSecond,
  profile,
  root,
  stateFolder,
}: Pick<AgentContext, 'bytesPerSecond' | 'profile' | 'root' | 'stateFolder'>): Promise<ServerFacts> {
  const { bavail, bsize, type } = await statfs(root);
  const isWindows = process.platform === 'win32';
  const rate = await downloadBytesPerSecond(stateFolder, bytesPerSecond?.());
  const productVersion = readProductVersion(root, profile.product);
  const hasWindowsNames = isWindows || WINDOWS_FILE_SYSTEMS.has(type);
  return {
    platform: process.platform,
    ...((foldsNames(root) ?? (process.platform === 'darwin' || hasWindowsNames)) && { foldsNames: true }),
    ...(hasWindowsNames && { windowsNames: true }),
    // What waits from an attempt that was cut off is used or dropped by the next.
    freeBytes: bavail * bsize + keptBytes(root),
    ...(rate === undefined ? {} : { downloadBytesPerSecond: rate }),
    ...(productVersion === undefined ? {} : { productVersion }),
  };
}

/** Whether a name in the other case leads to the same file; `undefined` when there is no name with letters to try. */
export function foldsNames(root: string): boolean | undefined {
  const names = readdirSync(root);
  const name = names.find((one) => !names.includes(swapCase(one)));
  if (name === undefined) return undefined;
  const real = lstatSync(`${root}/${name}`, { bigint: true, throwIfNoEntry: false });
  const other = lstatSync(`${root}/${swapCase(name)}`, { bigint: true, throwIfNoEntry: false });
  return real === undefined ? undefined : other?.ino === real.ino;
}

function swapCase(name: string): string {
  const lower = name.toLowerCase();
  return name === lower ? name.toUpperCase() : lower;
}

/** statfs types on Linux: FAT, exFAT, NTFS (two drivers), CIFS and SMB2. */
const WINDOWS_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x4d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0xff534d42, 0xfe534d42,
]);
