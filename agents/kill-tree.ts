import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { hasCode } from '#adapters/file-errors.ts';

/** Ends the process and what it has started; on POSIX those of its group, which it must lead. Whether it may do that. */
export async function killTree(processId: number, environment: Readonly<Record<string, string>>): Promise<boolean> {
  return process.platform === 'win32' ? killWindowsTree(processId, environment) : kill(-processId);
}

/** taskkill goes from parent to child, so it must come before the parent's end. */
async function killWindowsTree(processId: number, { SystemRoot }: Readonly<Record<string, string>>): Promise<boolean> {
  const program = SystemRoot === undefined ? 'taskkill' : join(SystemRoot, 'System32', 'taskkill.exe');
  await new Promise<void>((resolve) => {
    // Whatever it says, the process itself is ended below.
    execFile(program, ['/PID', String(processId), '/T', '/F'], { windowsHide: true, timeout: 5000 }, () => resolve());
  });
  return kill(processId);
}

function kill(processId: number): boolean {
  try {
    return process.kill(processId, 'SIGKILL');
  } catch (error) {
    if (!hasCode(error, 'ESRCH', 'EPERM')) throw error;
    return hasCode(error, 'ESRCH');
  }
}
