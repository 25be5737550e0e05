import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { loadProfile } from '#adapters/profile-file.ts';
import { runAgent } from '#agents/agent.ts';
import { readAgentFile } from '#agents/agent-file.ts';
import { enrolAgent } from '#agents/enrol.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { parseDocument } from '#core/documents.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import { signedOrderSchema } from '#core/order.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { CopyMode, SyncId } from '#core/sync.ts';
import { publishControlKey } from '#functions/control-key.ts';
import { FakeFleet } from '#test/support/fake-fleet.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { CROWD, OURS, PROFILE, READ_ONLY, THEIRS, THEIRS_FOR_OVERWRITE } from './trees.ts';
import type { World } from './world.ts';

export interface Wish {
  readonly mode: CopyMode;
  /** Windows has no permissions of folders that an undo could put back. */
  readonly isForWindows?: boolean;
  /** The order is to take back an apply that has succeeded. */
  readonly isRollback?: boolean;
  /** The source has many more files. */
  readonly isCrowded?: boolean;
}

const SOURCE = serverIdSchema.parse('here/source');
const DESTINATION = serverIdSchema.parse('there/destination');

/** Makes a world in which an approved, signed order to apply waits for the agent, by way of the real control plane. */
export async function prepareWorld(
  world: World,
  { isCrowded = false, isForWindows = false, isRollback = false, mode }: Wish,
): Promise<void> {
  layOut(world, mode, isCrowded ? { ...OURS, ...CROWD } : OURS);
  if (!isForWindows) chmodSync(join(world.root, 'gone'), 0o750);
  const store = await DirectoryStore.open(world.storeFolder);
  await using stack = new AsyncDisposableStack();
  const fleet = new FakeFleet(store);
  await publishControlKey(store, fleet.signer.publicKey);
  await fleet.start();
  stack.defer(() => fleet.end());
  const source = new Party(world, { server: SOURCE, root: join(world.folder, 'source') });
  const destination = new Party(world, { server: DESTINATION, root: world.root });
  for (const party of [source, destination]) await party.enrol(store);
  source.start(store);
  stack.defer(() => source.stop());
  destination.start(store);
  stack.defer(() => destination.stop());
  const request = (policy: object, more: object = {}) =>
    fleet.request({
      source: SOURCE,
      destinations: [DESTINATION],
      policy: { allowShrink: true, approvals: 1, dryRun: false, requesterMayApprove: false, ...policy } as never,
      timeouts: PATIENT,
      ...more,
    });
  let sync = await request({ mode, maxRemovalPercent: 100 });
  if (isRollback) {
    await fleet.vote(sync, 'APPROVED');
    const { verdict } = await fleet.verdict(sync);
    if (verdict !== 'SUCCEEDED') throw new Error(`the sync to be rolled back ended ${verdict}`);
    sync = await request({ mode: 'rollback' }, { rollbackOf: sync });
  }
  await fleet.planned(sync);
  await destination.stop();
  await fleet.vote(sync, 'APPROVED');
  world.describe({ server: DESTINATION, order: await orderOf(store, sync) });
}

function layOut(world: World, mode: CopyMode, ours: Tree): void {
  mkdirSync(world.state, { recursive: true, mode: 0o700 });
  writeFileSync(world.profile, PROFILE);
  const source = join(world.folder, 'source');
  writeTree(source, ours);
  chmodSync(join(source, READ_ONLY), 0o444);
  writeTree(world.root, mode === 'mirror' ? THEIRS : THEIRS_FOR_OVERWRITE);
  chmodSync(join(world.root, READ_ONLY), 0o444);
}

interface PartyOptions {
  readonly server: ServerId;
  readonly root: string;
}

/** One server with its agent in this process. */
class Party {
  readonly #world: World;
  readonly #options: PartyOptions;
  readonly #stopping = new AbortController();
  #signer: Awaited<ReturnType<typeof enrolAgent>> | undefined;
  #ended: Promise<void> | undefined;

  constructor(world: World, options: PartyOptions) {
    this.#world = world;
    this.#options = options;
  }

  get #stateFolder(): string {
    return this.#options.root === this.#world.root ? this.#world.state : join(this.#world.folder, 'source-state');
  }

  async enrol(store: DirectoryStore): Promise<void> {
    const { root, server } = this.#options;
    const stateFolder = this.#stateFolder;
    this.#signer = await enrolAgent({
      ...{ store, server, root, stateFolder },
      profile: this.#world.profile,
      now: () => new Date(),
    });
  }

  start(store: DirectoryStore): void {
    const ended = this.#run(store);
    ended.catch(() => undefined);
    this.#ended = ended;
  }

  async #run(store: DirectoryStore): Promise<void> {
    const [file, profile] = [await readAgentFile(this.#stateFolder), await loadProfile(this.#world.profile)];
    if (file === undefined || this.#signer === undefined) throw new Error('enrol first');
    const workers = new WorkerPool(1);
    const parts = { store, profile, workers, signer: this.#signer.signer, stateFolder: this.#stateFolder };
    const rhythm = { now: () => new Date(), log: () => undefined, pollMilliseconds: 5 };
    await runAgent({ ...file, ...parts, ...rhythm }, this.#stopping.signal);
    await workers.close();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }
}

/** Waits until the control plane has told the destination to apply. */
async function orderOf(store: DirectoryStore, sync: SyncId): Promise<ReturnType<typeof parseOrderId>> {
  for (;;) {
    const key = keys.currentOrder(DESTINATION);
    const stored = await store.get(key);
    const order = stored && parseDocument(key, signedOrderSchema, stored.body).payload;
    if (order?.step === 'apply' && order.sync === sync) return parseOrderId(order.order);
    await sleep(5);
  }
}

/** The order is obeyed long after it was given. */
const PATIENT = { offlineSeconds: 86_400, inventorySeconds: 86_400, applySeconds: 86_400, approvalSeconds: 86_400 };
