import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSigner } from '#adapters/file-signer.ts';
import { MemoryStore } from '#adapters/memory-store.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type S3Service, serveS3 } from '#test/support/s3-service.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const PROGRAM = fileURLToPath(import.meta.resolve('#test/support/controller-process.ts'));
const BUCKET = 'fleet';
const LEASE_MILLISECONDS = 3000;
const NEW = [file('a.cfg', 'A'), file('b.cfg', 'b'), file('x.lic', 'yours', 'license')];
const OLD = [file('a.cfg', 'a'), file('x.lic', 'mine', 'license')];
/** Nothing here may come to its end by a time limit. */
const PATIENT = { offlineSeconds: 600, inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 };

describe.skipIf(process.platform === 'win32')('two controllers of one S3 store', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.open();
  });

  afterEach(() => scene.close());

  it('take turns: the second says that there is one, and takes over when that ends', async () => {
    const first = await scene.start('first');
    await first.said('leading');
    const second = await scene.start('second');
    await second.said('standing-by');
    expect(await scene.leader()).toMatchObject({ by: 'first' });
    await scene.syncs();
    first.kill('SIGKILL');
    await second.said('leading');
    await scene.syncs();
    expect(await scene.leader()).toMatchObject({ by: 'second' });
    // Started again on its machine, it waits like any other.
    const again = await scene.start('first');
    await again.said('standing-by');
  });

  it('need no pause where the same machine starts one again', async () => {
    const first = await scene.start('first');
    await first.said('leading');
    const { startedAt } = (await scene.leader()) ?? {};
    first.kill('SIGKILL');
    const again = await scene.start('first');
    await again.said('leading');
    expect(again.words).not.toContain('standing-by');
    expect(await scene.leader()).not.toMatchObject({ startedAt });
  });

  // From the first order to the verdict.
  it.each([1, 5, 10, 15, 20])(
    'come to one right end when the first is stopped in its write %i, and wakes up while the second works',
    async (stopAt) => {
      const first = await scene.start('first', stopAt);
      await first.said('leading');
      const second = await scene.start('second');
      await second.said('standing-by');
      const sync = await scene.fleet.request({ waveSize: 1, timeouts: PATIENT });
      const deciding = scene.fleet.vote(sync, 'APPROVED');
      await first.said('stopped');
      await second.said('leading');
      first.kill('SIGCONT');
      await first.said('lost');
      await deciding;
      const { destinations, verdict } = await scene.fleet.verdict(sync);
      expect(verdict).toBe('SUCCEEDED');
      expect(destinations.map((one) => one.verdict)).toEqual(['SUCCEEDED', 'SUCCEEDED']);
      await scene.fleet.until(async () => (await scene.fleet.store.head(keys.execution(sync))) === undefined);
      const steps = [...scene.fleet.agents.values()].map(({ obeyed }) => obeyed.map(({ step }) => step));
      expect(steps).toEqual([['inventory'], ['inventory', 'apply'], ['inventory', 'apply']]);
      await first.said('standing-by');
      expect(await scene.leader()).toMatchObject({ by: 'second' });
    },
  );
});

class Scene {
  readonly fleet: FakeFleet;
  readonly #service: S3Service;
  readonly #keyFile: string;
  readonly #running: ControllerProcess[] = [];

  private constructor(fleet: FakeFleet, service: S3Service, keyFile: string) {
    this.fleet = fleet;
    this.#service = service;
    this.#keyFile = keyFile;
  }

  static async open(): Promise<Scene> {
    const keyFile = join(await temporaryFolder(), 'control-key.pem');
    const store = new MemoryStore();
    const fleet = new FakeFleet(store, await openFileSigner(keyFile));
    for (const [index, entries] of [NEW, OLD, OLD].entries()) await fleet.add(`plant-a/tm${index}`, entries);
    fleet.serveAgents();
    return new Scene(fleet, await serveS3(store, BUCKET), keyFile);
  }

  async close(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL');
    await this.fleet.end();
    await this.#service.stop();
  }

  async start(name: string, stopAt = 0): Promise<ControllerProcess> {
    const args = [PROGRAM, `s3://${BUCKET}`, this.#keyFile, name, String(LEASE_MILLISECONDS), String(stopAt)];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${this.#service.port}`,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'testing',
        AWS_SECRET_ACCESS_KEY: 'testing',
      },
    });
    const started = new ControllerProcess(child);
    this.#running.push(started);
    return started;
  }

  async syncs(): Promise<SyncId> {
    const sync = await this.fleet.request({ timeouts: PATIENT });
    const planned = await Promise.race([
      this.fleet.planned(sync).then(() => true),
      this.fleet.verdict(sync).then(() => false),
    ]);
    if (planned && (await this.fleet.store.head(keys.verdict(sync))) === undefined) {
      await this.fleet.vote(sync, 'APPROVED').catch(() => undefined);
    }
    expect((await this.fleet.verdict(sync)).verdict).toMatch(/^(SUCCEEDED|IN_SYNC)$/);
    return sync;
  }

  async leader(): Promise<Record<string, unknown> | undefined> {
    const stored = await this.fleet.store.get(keys.controllerLease());
    return stored && JSON.parse(Buffer.from(stored.body).toString());
  }
}

class ControllerProcess {
  readonly words: string[] = [];
  readonly #child: ChildProcess;
  #heard = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout !== null) createInterface(child.stdout).on('line', (word) => this.words.push(word));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it says so, after all that was waited for before. */
  async said(word: string): Promise<void> {
    for (;;) {
      const at = this.words.indexOf(word, this.#heard);
      if (at >= 0) {
        this.#heard = at + 1;
        return;
      }
      if (this.#child.exitCode !== null) throw new Error(`the controller ended before it said ${word}`);
      await sleep(20);
    }
  }
}
