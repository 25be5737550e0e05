import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { signedOrderSchema } from '#core/order.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { syncIdSchema } from '#core/sync.ts';
import { type Ended, Programs } from './programs.ts';
import { type Tree, writeTree } from './trees.ts';

/** A controller and agents as real processes that meet in a directory store. */
export class ProcessFleet {
  readonly folder: string;
  readonly store: ObjectStore;
  readonly #programs: Programs;
  readonly #agents = new Map<string, ChildProcess>();
  #controller: ChildProcess | undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.store = new DirectoryStore(join(folder, 'store'));
    this.#programs = new Programs({
      LOCKSTEP_STORE: this.storeUrl,
      LOCKSTEP_USER: 'engineer',
      XDG_STATE_HOME: join(folder, 'state'),
    });
  }

  get storeUrl(): string {
    return pathToFileURL(join(this.folder, 'store')).href;
  }

  /** `settings`: more of the fleet file, as YAML. */
  async start(servers: Readonly<Record<string, Tree>>, settings = ''): Promise<void> {
    const sites = Object.groupBy(Object.keys(servers), (id) => id.split('/')[0] ?? '');
    const lines = Object.entries(sites).map(
      ([site, ids = []]) => `  ${site}:\n    servers: [${ids.map((id) => id.split('/')[1]).join(', ')}]\n`,
    );
    writeFileSync(join(this.folder, 'fleet.yaml'), `fleet: test\nsites:\n${lines.join('')}${settings}`);
    await this.startController();
    await Promise.all(
      Object.entries(servers).map(async ([server, tree]) => {
        writeTree(this.rootOf(server), tree);
        await this.expectSuccess('lockstep-agent', [
          'enroll',
          '--server',
          server,
          '--root',
          this.rootOf(server),
          '--state',
          this.#stateOf(server),
          '--store',
          this.storeUrl,
        ]);
        this.startAgent(server);
      }),
    );
  }

  async startController(): Promise<void> {
    this.#controller = this.#programs.start(
      'lockstep',
      ['up', '--console', '0', '--config', join(this.folder, 'fleet.yaml')],
      {
        stdio: 'ignore',
      },
    );
    await this.until(async () => (await this.store.head(keys.controlKey())) !== undefined);
  }

  async killController(): Promise<void> {
    await kill(this.#controller);
  }

  startAgent(server: string): void {
    this.#agents.set(
      server,
      this.#programs.start('lockstep-agent', ['run', '--state', this.#stateOf(server), '--poll', '0.1'], {
        stdio: 'ignore',
      }),
    );
  }

  /** Resolves when it has said that it is there again. */
  async restartAgent(server: string): Promise<void> {
    const key = keys.status(serverIdSchema.parse(server));
    const before = await this.store.head(key);
    this.startAgent(server);
    await this.until(async () => (await this.store.head(key))?.etag !== before?.etag);
  }

  async killAgent(server: string): Promise<void> {
    await kill(this.#agents.get(server));
  }

  /** What the server was last told to do. */
  async currentStep(server: ServerId): Promise<string | undefined> {
    const key = keys.currentOrder(server);
    const stored = await this.store.get(key);
    return stored && parseDocument(key, signedOrderSchema, stored.body).payload.step;
  }

  rootOf(server: string): string {
    return join(this.folder, 'servers', server);
  }

  #stateOf(server: string): string {
    return join(this.folder, 'agents', server);
  }

  run(args: readonly string[], person = 'engineer'): Promise<Ended> {
    return this.#programs.run('lockstep', args, { env: { LOCKSTEP_USER: person } });
  }

  async expectSuccess(program: 'lockstep' | 'lockstep-agent', args: readonly string[]): Promise<Ended> {
    const result = await this.#programs.run(program, args);
    if (result.code !== 0)
      throw new Error(`${program} ${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`);
    return result;
  }

  /** The id of the newest sync, once its plan waits for approval. */
  async waitingSync(): Promise<string> {
    let found: string | undefined;
    await this.until(async () => {
      for await (const { key } of this.store.list(keys.syncs())) {
        const sync = /^syncs\/([^/]+)\/approval-requested\.json$/.exec(key)?.[1];
        if (sync !== undefined && (await this.store.head(keys.verdict(syncIdSchema.parse(sync)))) === undefined)
          found = sync;
      }
      return found !== undefined;
    });
    return found ?? '';
  }

  async until(condition: () => Promise<boolean>): Promise<void> {
    while (!(await condition())) await sleep(50);
  }

  stop(): Promise<void> {
    return this.#programs.stop();
  }
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
