import { spawn } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';

/**
 * Whether one call puts to disk all that was written on the folder's file system, says so when something was lost, and
 * takes less time than one for each of so many entries. Of syncfs(2) the former is known on these file systems, since
 * Linux 5.8.
 */
export async function isWorthOneSync(folder: string, entries: number): Promise<boolean> {
  if (process.platform !== 'linux' || entries < MANY) return false;
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 5 || (major === 5 && minor < 8)) return false;
  const { type } = await statfs(folder);
  return SYNCED_AS_A_WHOLE.has(type);
}

/** Where it is `false`, nothing may be taken to be durable. */
export function syncFileSystem(folder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('sync', ['--file-system', folder], { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
}

const MANY = 64;
/** ext2 to ext4, XFS, btrfs, F2FS. */
const SYNCED_AS_A_WHOLE = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010]);
