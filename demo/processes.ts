import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

type Environment = Readonly<Record<string, string>>;

/** The processes of a demonstration: all of them end with it, however it ends. */
export class Processes {
  readonly #running = new Set<ChildProcess>();
  #isOver = false;

  /** Runs a program of this project to its end, on this terminal. */
  async run(
    program: 'lockstep' | 'lockstep-agent',
    args: readonly string[],
    environment: Environment,
  ): Promise<number> {
    const child = this.#start(program, args, { environment, stdio: 'inherit' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  }

  /** Starts a program that goes on in the background; its lines on stdout are passed on. */
  background(program: 'lockstep' | 'lockstep-agent', args: readonly string[], options: BackgroundOptions): void {
    const child = this.#start(program, args, { environment: options.environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    child.stdout?.setEncoding('utf8').on('data', options.onOutput);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = `${errors}${text}`.slice(-4000);
    });
    child.once('exit', (code) => {
      if (code !== 0 && code !== null) options.onFailure(`${program} ${args[0]} ended with ${code}: ${errors}`);
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    const all = [...this.#running];
    for (const child of all) child.kill('SIGTERM');
    const late = setTimeout(() => {
      for (const child of this.#running) child.kill('SIGKILL');
    }, 5000);
    await Promise.all(all.map((child) => (this.#running.has(child) ? once(child, 'exit') : undefined)));
    clearTimeout(late);
  }

  #start(program: string, args: readonly string[], options: StartOptions): ChildProcess {
    if (this.#isOver) throw new Error('the demonstration is over');
    const script = program === 'lockstep' ? 'cli/main.ts' : 'agents/main.ts';
    const child = spawn(process.execPath, [script, ...args], {
      cwd: PROJECT,
      env: { ...process.env, ...options.environment },
      stdio: options.stdio,
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }
}

interface StartOptions {
  readonly environment: Environment;
  readonly stdio: 'inherit' | ['ignore', 'pipe', 'pipe'];
}

export interface BackgroundOptions {
  readonly environment: Environment;
  readonly onOutput: (text: string) => void;
  readonly onFailure: (problem: string) => void;
}
