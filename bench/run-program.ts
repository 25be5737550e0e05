import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { ProcessTree, secondsOfEndedChildren } from './process-tree.ts';

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** Seconds from start to end. */
  readonly wall: number;
  /** Seconds of processor time, with all processes that it started and waited for; unknown outside of Linux. */
  readonly cpu?: number;
  /** Bytes, see ProcessTree; unknown outside of Linux. */
  readonly memory?: number;
}

/**
 * Runs a program to its end and measures it; only one at a time gives a true `cpu`. Throws when it fails, with what it
 * said. When the signal aborts, it ends with everything that it started.
 */
export async function runProgram(program: Program, signal: AbortSignal): Promise<Ended> {
  signal.throwIfAborted();
  const before = secondsOfEndedChildren();
  const started = performance.now();
  const child = startProgram(program, signal);
  const tree = child.pid === undefined ? undefined : new ProcessTree(child.pid);
  try {
    const { code, ...said } = await endOf(child);
    const wall = (performance.now() - started) / 1000;
    signal.throwIfAborted();
    if (code !== 0) throw new Error(`${program.file} ${program.args.join(' ')} ended with ${code}: ${said.stderr}`);
    const after = secondsOfEndedChildren();
    const memory = tree?.end();
    return {
      ...said,
      wall,
      ...(before !== undefined && after !== undefined && { cpu: after - before }),
      ...(memory !== undefined && { memory }),
    };
  } finally {
    tree?.end();
  }
}

/** In a process group of its own, which the signal ends as a whole. */
export function startProgram({ args, cwd, file }: Program, signal: AbortSignal): ChildProcess {
  const child = spawn(file, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = () => stopGroup(child, 'SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  child.once('close', () => signal.removeEventListener('abort', stop));
  return child;
}

export function stopGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // It ended by itself a moment ago.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function endOf(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(-LONGEST_COMPLAINT);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const LONGEST_COMPLAINT = 4000;
