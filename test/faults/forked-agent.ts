import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import type { Done, Job } from './job.ts';
import type { FaultyAgent } from './lane.ts';

/** A child process, kept for the next job while it lives. */
export class ForkedAgent implements FaultyAgent, AsyncDisposable {
  readonly #program: string;
  readonly #world: string;
  #process: ChildProcess | undefined;

  /** `program`: the bundle of faulty-agent.ts. */
  constructor(program: string, world: string) {
    this.#program = program;
    this.#world = world;
  }

  async run(job: Job): Promise<Done | 'died' | 'hung'> {
    this.#process ??= fork(this.#program, [this.#world], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
      env: { ...globalThis.process.env, NODE_COMPILE_CACHE: join(dirname(this.#program), 'compiled') },
    });
    const process = this.#process;
    const patience = AbortSignal.timeout(PATIENCE_MILLISECONDS);
    const over = new AbortController();
    const signal = AbortSignal.any([patience, over.signal]);
    try {
      process.send(job);
      const done = once(process, 'message', { signal }).then(([answer]) => answer as Done);
      return await Promise.race([done, once(process, 'exit', { signal }).then(() => 'died' as const)]);
    } catch (error) {
      if (!patience.aborted) throw error;
      await end(process);
      return 'hung';
    } finally {
      over.abort();
      if (hasEnded(process)) this.#process = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await end(this.#process);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function end(process: ChildProcess): Promise<void> {
  if (hasEnded(process)) return;
  process.kill('SIGKILL');
  await once(process, 'exit');
}

const PATIENCE_MILLISECONDS = 60_000;
