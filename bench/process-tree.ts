import { readFileSync } from 'node:fs';
import type { Usage } from './contender.ts';

/** Watches what a process and those that it started hold in memory; needs Linux's /proc, and knows nothing elsewhere. */
export class ProcessTree {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #peak: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), LOOK_MILLISECONDS);
    this.#look();
  }

  /**
   * Bytes: the largest sum of resident memory that was seen, or the largest that a single process ever had by the
   * kernel's account. Pages that processes share count for each.
   */
  end(): number | undefined {
    clearInterval(this.#timer);
    return this.#peak;
  }

  #look(): void {
    let resident = 0;
    for (const pid of descendants(this.#pid)) {
      const status = read(`/proc/${pid}/status`);
      const highest = kilobytes(status, 'VmHWM');
      resident += kilobytes(status, 'VmRSS');
      this.#peak = Math.max(this.#peak ?? 0, highest);
    }
    if (resident > 0) this.#peak = Math.max(this.#peak ?? 0, resident);
  }
}

/** What a single process has taken so far, by the kernel's account. */
export function usageOf(pid: number): Usage | undefined {
  const memory = kilobytes(read(`/proc/${pid}/status`), 'VmHWM');
  const cpu = seconds(`/proc/${pid}/stat`, OWN_TIME);
  return memory === 0 || cpu === undefined ? undefined : { memory, cpu };
}

/** Seconds of processor time of all children of this process that have ended, and of theirs. */
export function secondsOfEndedChildren(): number | undefined {
  return seconds('/proc/self/stat', CHILDREN_TIME);
}

/** The sum of the field and the next: user and system. */
function seconds(path: string, field: number): number | undefined {
  const stat = read(path);
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[field]) + Number(fields[field + 1]);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
}

function* descendants(pid: number): Generator<number> {
  yield pid;
  for (const child of read(`/proc/${pid}/task/${pid}/children`).split(' ')) {
    if (child !== '') yield* descendants(Number(child));
  }
}

function kilobytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
}

/** Empty for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** utime and cutime of proc(5), counted from behind the name. */
const OWN_TIME = 11;
const CHILDREN_TIME = 13;
const LOOK_MILLISECONDS = 20;
/** USER_HZ, the same on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
