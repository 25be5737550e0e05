import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundleAgent } from '../../build/bundle-agent.ts';
import { assertHolds } from '../assert-holds.ts';
import type { Contender, Sample, Usage } from '../contender.ts';
import { copyFolder, isDigestName } from '../copy-folder.ts';
import { usageOf } from '../process-tree.ts';
import { resetTree } from '../reset-tree.ts';
import { type Program, runProgram, startProgram, stopGroup } from '../run-program.ts';
import { makeEmpty, type Step, type Workspace } from '../workspace.ts';

/**
 * The same sync by the programs that people start: a controller, and two agents as they are installed on servers, each
 * a process of its own, so that each one's memory can be told. Agents begin anew for each run; what they remember they have read from disk.
 */
export class LockstepFleet implements Contender {
  readonly #workspace: Workspace;
  readonly #step: Step;
  readonly #folder: string;
  readonly #running = new Set<ChildProcess>();

  constructor(workspace: Workspace, step: Step) {
    this.#workspace = workspace;
    this.#step = step;
    this.#folder = workspace.place('fleet');
  }

  async prepare(): Promise<void> {
    const { from, to } = this.#step;
    const { signal } = this.#workspace;
    makeEmpty(this.#path('state'));
    makeEmpty(this.#path('destination'));
    await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(from ?? to) }, signal);
    writeFileSync(this.#path('fleet.yaml'), FLEET);
    await bundleAgent(this.#path(AGENT));
    await this.#startController();
    for (const name of ['source', 'destination'] as const) await this.#enrol(name);
    if (from !== undefined) {
      await Promise.all([this.#startAgent('source'), this.#startAgent('destination')]);
      for (let look = 0; look < 2; look++) await this.#sync();
    }
    await this.#stop();
    await resetTree({ folder: this.#path('source'), wanted: this.#workspace.fleet(to) }, signal);
    for (const name of KEPT) await rename(this.#path(name), this.#path(`${name}-before`));
  }

  async reset(): Promise<void> {
    const { from } = this.#step;
    const { signal } = this.#workspace;
    for (const name of KEPT) {
      this.#workspace.drop(this.#path(name));
      const copy = { from: this.#path(`${name}-before`), to: this.#path(name), isShared: isDigestName };
      await copyFolder(copy, signal);
    }
    if (from === undefined) makeEmpty(this.#path('destination'));
    else await resetTree({ folder: this.#path('destination'), wanted: this.#workspace.fleet(from) }, signal);
  }

  async run(): Promise<Sample> {
    try {
      const controller = await this.#startController();
      const [source, destination] = await Promise.all([this.#startAgent('source'), this.#startAgent('destination')]);
      const { wall } = await this.#sync();
      const processes = { source: usage(source), destination: usage(destination), controller: usage(controller) };
      await this.#stop();
      await assertHolds(this.#path('destination'), this.#workspace.fleet(this.#step.to), this.#workspace.signal);
      return { wall, ...(isKnown(processes) && { processes }) };
    } finally {
      await this.#stop();
    }
  }

  async dispose(): Promise<void> {
    await this.#stop();
    this.#workspace.drop(this.#folder);
  }

  #startController(): Promise<ChildProcess> {
    return this.#start(this.#cli(['up', '--no-console', '--config', this.#path('fleet.yaml')]), 'Listening');
  }

  #startAgent(name: 'source' | 'destination'): Promise<ChildProcess> {
    return this.#start(this.#agent(['run', '--state', this.#stateOf(name), '--poll', '0.1']), 'agent-started');
  }

  async #enrol(name: 'source' | 'destination'): Promise<void> {
    const place = ['--root', this.#path(name), '--state', this.#stateOf(name)];
    const args = ['enroll', '--server', SERVERS[name], '--profile', 'generic', ...place];
    await runProgram(this.#agent(args), this.#workspace.signal);
  }

  #sync() {
    const args = ['sync', SERVERS.source, SERVERS.destination, '--yes', '--allow-shrink'];
    return runProgram(this.#cli(args), this.#workspace.signal);
  }

  /** Resolves when it has said this word. */
  async #start(program: Program, ready: string): Promise<ChildProcess> {
    const child = startProgram(program, this.#workspace.signal);
    this.#running.add(child);
    let said = '';
    await new Promise<void>((done, fail) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          said = `${said}${text}`.slice(-LONGEST_COMPLAINT);
          if (said.includes(ready)) done();
        });
      }
      child.once('close', (code) => fail(new Error(`${program.args.join(' ')} ended with ${code}: ${said}`)));
    });
    return child;
  }

  async #stop(): Promise<void> {
    const all = [...this.#running];
    this.#running.clear();
    await Promise.all(
      all.map(async (child) => {
        const ended = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
        stopGroup(child, 'SIGTERM');
        await ended;
      }),
    );
  }

  #cli(args: readonly string[]): Program {
    return this.#program(join(PROJECT, 'cli/main.ts'), args);
  }

  #agent(args: readonly string[]): Program {
    return this.#program(this.#path(AGENT), args);
  }

  #program(script: string, args: readonly string[]): Program {
    const environment = {
      LOCKSTEP_STORE: pathToFileURL(this.#path('store')).href,
      XDG_STATE_HOME: this.#path('state'),
      NODE_COMPILE_CACHE: join(this.#workspace.folder, 'compile-cache'),
    };
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    return { file: 'env', args: [...variables, process.execPath, script, ...args] };
  }

  #stateOf(name: 'source' | 'destination'): string {
    return join(this.#path('state'), name);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function usage({ pid }: ChildProcess): Usage | undefined {
  return pid === undefined ? undefined : usageOf(pid);
}

function isKnown(
  processes: Readonly<Record<'source' | 'destination' | 'controller', Usage | undefined>>,
): processes is NonNullable<Sample['processes']> {
  return Object.values(processes).every((one) => one !== undefined);
}

const PROJECT = resolve(import.meta.dirname, '../..');
const AGENT = 'lockstep-agent.mjs';
const SERVERS = { source: 'plant-a/tm1', destination: 'plant-b/tm1' } as const;
const FLEET = `fleet: bench
sites:
  plant-a: { servers: [tm1] }
  plant-b: { servers: [tm1] }
approval: { requester-may-approve: true }
`;
/** What a run starts from; the second is the controller's own. */
const KEPT = ['store', 'store.control', 'state'];
const LONGEST_COMPLAINT = 4000;
