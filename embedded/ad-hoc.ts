import { randomBytes } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileSigner } from '#adapters/file-signer.ts';
import { openStore } from '#adapters/open-store.ts';
import { holdSingleInstance } from '#adapters/single-instance.ts';
import { runAgent } from '#agents/agent.ts';
import { type Enrolled, type EnrolmentRequest, enrolAgent } from '#agents/enrol.ts';
import { KEPT_APPLIES } from '#agents/pre-images.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Profile } from '#core/profile.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import { publishControlKey } from '#functions/control-key.ts';
import type { Log } from '#functions/dependencies.ts';
import { writeVerdict } from '#functions/report/write-verdict.ts';
import { requestSync, type SyncWish } from '#functions/request-sync.ts';
import { announcingStore } from './announcing-store.ts';
import { Controller } from './controller.ts';
import { Doorbell } from './doorbell.ts';
import { memoryOf, serverIdOf } from './local-server.ts';
import { rememberProfile } from './recall-folder.ts';

/** Folders of this machine as servers, with agents and a controller in this process: nothing to set up. */
export interface FolderSession {
  readonly store: ObjectStore;
  readonly controlKey: string;
  /** In the order of the folders. */
  readonly servers: readonly ServerId[];
  rootOf(server: ServerId): string;
  request(wish: SyncWish): Promise<SyncId>;
  /** Resolves when the sync has its verdict; rejects when an agent cannot go on. */
  finished(sync: SyncId): Promise<void>;
  /** Stops everything and writes the truth about what was reached as the verdict. */
  interrupt(sync: SyncId, by: string): Promise<void>;
  /** A pause between two looks at the sync that was requested; ends early when there is something to be seen. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** One in which files go from one folder to others. */
export interface AdHocSession extends Omit<FolderSession, 'request' | 'servers'> {
  readonly source: ServerId;
  readonly destinations: readonly ServerId[];
  request(wish: Omit<SyncWish, 'source' | 'destinations'>): Promise<SyncId>;
}

export interface FolderSessionRequest {
  readonly storeUrl: string;
  /** Keys and the agents' memory; neither in the store nor in a tree. */
  readonly stateFolder: string;
  readonly folders: readonly string[];
  readonly profile: Profile;
  readonly log: Log;
  /** What a party reaches the store through, to measure it or to slow it down; the store itself where absent. */
  readonly reach?: (store: ObjectStore, party: 'control' | ServerId) => ObjectStore;
}

/**
 * How often the store is asked for what other processes write: an approval, a cancellation. What the parties of a session
 * write is announced. Each look is a few calls, and a tenth of a sync's processor time where there are twenty a second.
 */
const POLL_MILLISECONDS = 250;

export interface AdHocRequest extends Omit<FolderSessionRequest, 'folders'> {
  readonly source: string;
  readonly destinations: readonly string[];
}

export async function openAdHocSession({ destinations, source, ...rest }: AdHocRequest): Promise<AdHocSession> {
  const { request, servers, ...session } = await openFolderSession({ ...rest, folders: [source, ...destinations] });
  const [first, ...others] = servers;
  if (first === undefined) throw new TypeError('expected a source folder');
  return {
    ...session,
    source: first,
    destinations: others,
    request: (wish) => request({ ...wish, source: first, destinations: others }),
  };
}

export async function openFolderSession(request: FolderSessionRequest): Promise<FolderSession> {
  const { storeUrl, stateFolder, log, reach = (direct) => direct } = request;
  const now = () => new Date();
  const workers = new WorkerPool();
  workers.start();
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const direct = await openStore(storeUrl);
  const listeners = new Set<(writtenKey: string) => void>();
  const reachAloud = (party: 'control' | ServerId) =>
    announcingStore(reach(direct, party), (key) => {
      for (const listen of listeners) listen(key);
    });
  const store = reachAloud('control');
  const signer = await openFileSigner(join(stateFolder, 'control-key.pem'));
  await publishControlKey(store, signer.publicKey);

  const roots = new Map<ServerId, string>();
  for (const folder of request.folders) {
    const root = await realpath(folder);
    roots.set(serverIdOf(root), root);
  }

  const stopping = new AbortController();
  const servers = [...roots].map(async ([server, root]) => {
    const memory = memoryOf(stateFolder, server);
    const own = reachAloud(server);
    const bell = new Doorbell();
    listeners.add((key) => key === keys.currentOrder(server) && bell.ring());
    const pause = (milliseconds: number, signal: AbortSignal) => bell.sleep(milliseconds, signal);
    const enrolled = await enrolOnce({ store: own, server, root, profile: request.profile, stateFolder: memory, now });
    const parts = { store: own, server, root, profile: request.profile, stateFolder: memory, now, log, workers };
    await rememberProfile(memory, request.profile);
    await runAgent(
      { ...parts, ...enrolled, keepPreImages: KEPT_APPLIES, pollMilliseconds: POLL_MILLISECONDS, pause },
      stopping.signal,
    );
  });
  const agents = Promise.all(servers);
  agents.catch(() => stopping.abort());

  const news = new Doorbell();
  const notifier = { send: () => Promise.reject(new TypeError('an ad-hoc sync sends no mail')) };
  const controller = await Controller.start({
    store,
    signer,
    notifier,
    now,
    log,
    pollMilliseconds: POLL_MILLISECONDS,
    adopt: false,
  });
  listeners.add((key) => controller.tell(key));
  const stop = async () => {
    await controller.stop();
    stopping.abort();
    await agents.catch(() => undefined);
    await workers.close();
  };
  return {
    store,
    controlKey: signer.publicKey,
    servers: [...roots.keys()],
    rootOf: (server) => roots.get(server) ?? server,
    request: async (wish) => {
      const dependencies = {
        store,
        executions: controller,
        now,
        random: () => randomBytes(3).toString('hex').slice(1),
      };
      const sync = await requestSync(dependencies, wish);
      const seen = [keys.plan(sync), keys.approvalRequested(sync), keys.verdict(sync)];
      listeners.add((key) => seen.includes(key) && news.ring());
      return sync;
    },
    pause: (milliseconds, signal) => news.sleep(milliseconds, signal),
    finished: async (sync) => {
      await Promise.race([controller.idle(sync), agents.then(() => controller.idle(sync))]);
    },
    interrupt: async (sync, by) => {
      await cancelSync({ store, now }, { sync, by });
      await stop();
      const error = { Error: 'Interrupted', Cause: `${by} stopped the sync` };
      await writeVerdict({ store, signer, notifier, now, log }, { sync, ending: 'failed', error });
    },
    close: stop,
  };
}

/** Another store knows nothing of what a folder's memory is about: it is begun anew there. */
async function enrolOnce(enrolment: EnrolmentRequest): Promise<Enrolled> {
  const { server, root, stateFolder, store } = enrolment;
  const taken = `another sync with ${root} is just beginning: try again when it has ended`;
  await using _hold = await holdSingleInstance({ role: 'enrolment', subject: stateFolder, taken });
  if ((await store.head(keys.enrolment(server))) === undefined) await rm(stateFolder, { recursive: true, force: true });
  return await enrolAgent(enrolment);
}
