import { setTimeout as wait } from 'node:timers/promises';
import { LockstepError, StorePermanent, StoreTransient } from '#core/errors.ts';

/** Sorts what the file system threw into a StoreError; passes on what is one already. */
export function toStoreError(key: string, error: unknown): LockstepError {
  if (error instanceof LockstepError) return error;
  const { isTransient, problem } = describeFileFault(error);
  const StoreError = isTransient ? StoreTransient : StorePermanent;
  return new StoreError(key, problem, { cause: error });
}

/** In words for the person who has to act. */
export function describeFileFault(error: unknown): { readonly isTransient: boolean; readonly problem: string } {
  const code = codeOf(error);
  const transient = TRANSIENT[code];
  if (transient !== undefined) return { isTransient: true, problem: transient };
  if (code === 'EPERM' && process.platform === 'win32') {
    return { isTransient: true, problem: 'another program has it open, or this account may not write it' };
  }
  return { isTransient: false, problem: PERMANENT[code] ?? `the file system failed (${messageOf(error)})` };
}

const TRANSIENT: Readonly<Record<string, string>> = {
  EAGAIN: 'the system is short of resources',
  EBUSY: 'another program has it open',
  EINTR: 'the call was interrupted',
  EMFILE: 'this process has too many files open',
  ENFILE: 'this machine has too many files open',
  ENOENT: 'a file or folder vanished during the call',
  ENOMEM: 'the system is short of memory',
  ESTALE: 'the file server has forgotten the file',
  ETIMEDOUT: 'the file server does not answer',
};

const NO_LINKS = 'this file system has no hard links; keep the store on NTFS, ext4, XFS or APFS';
const IN_THE_WAY = 'another object is in the way: no key may be the folder of another';
const NO_PERMISSION = 'no permission; give this account the right to read and write the folder';

const PERMANENT: Readonly<Record<string, string>> = {
  EACCES: NO_PERMISSION,
  EDQUOT: 'the disk quota is used up; free some space',
  EEXIST: IN_THE_WAY,
  EISDIR: IN_THE_WAY,
  ENOSPC: 'the disk is full; free some space',
  ENOSYS: NO_LINKS,
  ENOTDIR: IN_THE_WAY,
  ENOTSUP: NO_LINKS,
  EOPNOTSUPP: NO_LINKS,
  EPERM: NO_PERMISSION,
  EROFS: 'the disk is read-only',
  EXDEV: 'the folder spans two file systems',
};

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Milliseconds between attempts: two and a half seconds in all. */
const PAUSES = [10, 20, 40, 80, 150, 300, 600, 600, 700];

/** Windows refuses to replace or remove a file while another program, such as a virus scanner, has it open. */
export async function retryWhileInUse<T>(action: () => T | Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await action();
    } catch (error) {
      if (process.platform !== 'win32' || !hasCode(error, 'EPERM', 'EBUSY', 'EACCES')) throw error;
      await wait(pause);
    }
  }
  return action();
}
