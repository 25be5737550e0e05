import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { printable } from '#core/printable.ts';
import { killTree } from './kill-tree.ts';

export interface ProgramRun {
  readonly command: readonly [string, ...string[]];
  /** Absolute. */
  readonly folder: string;
  /** All of it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMilliseconds: number;
  readonly onStarted: (processId: number) => void;
}

export interface ProgramEnd {
  readonly outcome: 'succeeded' | 'failed' | 'timed-out';
  /** In words. */
  readonly status: string;
  /** The end of stdout and stderr together, made printable. */
  readonly output: string;
}

/**
 * Runs a program to its end, or kills it when its time is up, with all that it has started: on POSIX its process group,
 * on Windows its tree as far as the parents still live. It has ended when the process itself has: what it leaves running
 * lives on, without an output. Never throws.
 */
export async function runProgram(run: ProgramRun): Promise<ProgramEnd> {
  const { command, environment, folder, timeoutMilliseconds } = run;
  const [program, ...args] = command;
  let child: ChildProcessByStdio<null, Readable, Readable>;
  try {
    child = spawn(program, args, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      // The leader of a process group.
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (error) {
    return { outcome: 'failed', status: notStarted(error), output: '' };
  }
  const tail = new Tail();
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => tail.add(bytes));
  const ended = endOf(child);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (child.pid !== undefined) run.onStarted(child.pid);
  let end = await within(timeoutMilliseconds, ended);
  if (end === undefined) {
    const isKilled = child.pid !== undefined && (await killTree(child.pid, environment));
    await within(DEATH_MILLISECONDS, ended);
    const status = `${isKilled ? 'killed' : 'still running'} after ${timeoutMilliseconds / 1000} seconds`;
    end = { outcome: 'timed-out', status };
  }
  await within(LAST_WORDS_MILLISECONDS, closed);
  for (const stream of [child.stdout, child.stderr]) stream.destroy();
  return { ...end, output: tail.text() };
}

function endOf(child: ChildProcess): Promise<Omit<ProgramEnd, 'output'>> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ outcome: 'failed', status: notStarted(error) }));
    child.once('exit', (code, signal) =>
      resolve({
        outcome: code === 0 ? 'succeeded' : 'failed',
        status: signal === null ? `exit status ${code}` : `killed by ${signal}`,
      }),
    );
  });
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  const stopping = new AbortController();
  try {
    return await Promise.race([promise, wait(milliseconds, undefined, { signal: stopping.signal })]);
  } finally {
    stopping.abort();
  }
}

function notStarted(error: unknown): string {
  return `it cannot be started: ${printable((error as Error).message)}`.slice(0, MOST_STATUS);
}

/** The last bytes of an output that may be of any length. */
class Tail {
  #bytes: Buffer = Buffer.alloc(0);

  add(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(-OUTPUT_BYTES)]).subarray(-OUTPUT_BYTES);
  }

  text(): string {
    const lines = this.#bytes.toString('utf8').replaceAll('\t', ' ').trimEnd().split(/\r?\n/);
    return lines.map(printable).join('\n').slice(-OUTPUT_BYTES);
  }
}

const OUTPUT_BYTES = 4096;
const MOST_STATUS = 300;
/** For what the pipes still hold; a program that was left running keeps them open. */
const LAST_WORDS_MILLISECONDS = 250;
/** A process may be stuck in the kernel. */
const DEATH_MILLISECONDS = 5000;
