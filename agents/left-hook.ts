import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import { hasCode } from '#adapters/file-errors.ts';
import { parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { killTree } from './kill-tree.ts';
import type { WorkFolder } from './work-folder.ts';

const leftHookSchema = z.strictObject({
  processId: z.int().positive(),
  /** What tells the process from a later one of that id; empty where the system does not say. */
  born: z.string().max(40),
  /** When its time is up: milliseconds since 1970. */
  until: z.number(),
});

export type LeftHook = z.infer<typeof leftHookSchema>;

/** For a recovery in another process; after a crash of the system the hook is gone, too, so this need not be durable. */
export function noteHook(work: WorkFolder, processId: number, timeoutMilliseconds: number): void {
  const note: LeftHook = { processId, born: bornOf(processId) ?? '', until: Date.now() + timeoutMilliseconds };
  writeFileSync(work.hookProcess, JSON.stringify(note));
}

export function forgetHook(work: WorkFolder): void {
  rmSync(work.hookProcess, { force: true });
}

/** The hook that a killed agent has left running, if it is still there. */
export function findLeftHook(work: WorkFolder): LeftHook | undefined {
  const hook = readNote(work);
  return hook !== undefined && isRunning(hook) ? hook : undefined;
}

/**
 * A hook goes on when its agent is killed, and what it still does must not meet the hook that undoes it. So this waits
 * for its end, no longer than its time, and then ends it; where the system cannot tell whether it is still the same
 * process, that one is left alone.
 */
export async function awaitLeftHook(
  hook: LeftHook,
  environment: Readonly<Record<string, string>>,
): Promise<'ended' | 'killed' | 'still-there'> {
  const until = Math.min(hook.until, Date.now() + LONGEST_MILLISECONDS);
  while (isRunning(hook) && Date.now() < until) await wait(LOOK_MILLISECONDS);
  if (!isRunning(hook)) return 'ended';
  if (hook.born === '') return 'still-there';
  await killTree(hook.processId, environment);
  return 'killed';
}

function readNote(work: WorkFolder): LeftHook | undefined {
  try {
    return parseDocument(work.hookProcess, leftHookSchema, readFileSync(work.hookProcess));
  } catch (error) {
    // Cut off by the kill: then the hook has only just begun, or has not.
    if (hasCode(error, 'ENOENT') || error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

function isRunning({ born, processId }: LeftHook): boolean {
  if (born !== '') return bornOf(processId) === born;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/** Of Linux: the tick since the boot, with the boot. `undefined` for a process that is gone, or ended and not yet buried. */
function bornOf(processId: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${processId}/stat`, 'latin1');
    // The name, in parentheses, may hold anything.
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
    return fields[STATE] === 'Z' ? undefined : `${bootId()}.${fields[START_TIME]}`.slice(0, 40);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
}

/** Places behind the name, as in proc_pid_stat(5). */
const STATE = 0;
const START_TIME = 19;

const LOOK_MILLISECONDS = 20;
const LONGEST_MILLISECONDS = 3_600_000;
