import { readFileSync } from 'node:fs';

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

/** Seconds of processor time of all children of this process that have ended, and of theirs. */
export function secondsOfEndedChildren(): number | undefined {
  const stat = read('/proc/self/stat');
  // The name, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[13]) + Number(fields[14]);
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

const LOOK_MILLISECONDS = 20;
/** USER_HZ, the same on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
