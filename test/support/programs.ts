import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Programs of this project as processes of their own; `stop` ends what still runs. */
export class Programs {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #running = new Set<ChildProcess>();

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  /** Runs to its end. */
  async run(
    program: 'lockstep' | 'lockstep-agent',
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<Ended> {
    return ended(this.start(program, args, options));
  }

  start(program: 'lockstep' | 'lockstep-agent', args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const script = program === 'lockstep' ? 'cli/main.ts' : 'agents/main.ts';
    const child = spawn(process.execPath, [`${PROJECT}${script}`, ...args], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
      env: { ...process.env, NO_COLOR: '1', ...this.#environment, ...options.env },
    });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  async stop(): Promise<void> {
    const all = [...this.#running];
    for (const child of all) child.kill('SIGKILL');
    await Promise.all(
      all.map((child) => (child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined)),
    );
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
