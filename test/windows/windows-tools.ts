import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { DRIVE_FOLDER, NODE_EXE, WindowsProgram, windowsPath } from './wine.ts';

/** The 8.3 name that Windows keeps beside the real one. */
export async function shortNameOf(path: string): Promise<string> {
  const listing = await new WindowsProgram('cmd.exe', ['/c', 'dir', '/a', '/x', windowsPath(dirname(path))]).ended();
  const name = path.slice(dirname(path).length + 1);
  const line = listing.stdout.split(/\r?\n/).find((one) => one.endsWith(` ${name}`)) ?? '';
  return /(\S*~\S*) +/.exec(line)?.[1] ?? name;
}

export interface Holder {
  /** Closes the file. */
  release(): Promise<void>;
}

/**
 * Another node.exe that has the file open, as its stdin: others may read and write it, as is usual on Windows, but not
 * rename or remove it. Ends with the test at the latest.
 */
export async function holdOpen(path: string): Promise<Holder> {
  const own = join(DRIVE_FOLDER, `holder-${randomUUID()}`);
  writeFileSync(`${own}.cjs`, HOLDER);
  const args = [windowsPath(NODE_EXE), windowsPath(`${own}.cjs`), windowsPath(`${own}.end`), '<', windowsPath(path)];
  const holder = new WindowsProgram('cmd.exe', ['/c', ...args]);
  const release = async () => {
    writeFileSync(`${own}.end`, '');
    await holder.ended();
  };
  onTestFinished(release);
  while (!holder.stdout.includes('held')) {
    if (holder.hasEnded) throw new Error(`the holder of ${path} has ended: ${holder.stderr}`);
    await sleep(20);
  }
  return { release };
}

/** The command interpreter, whose child it is, could not be killed with it: it looks for a file. */
const HOLDER = `
const { existsSync } = require('node:fs');
process.stdout.write('held');
setInterval(() => existsSync(process.argv[2]) && process.exit(), 20);
`;
