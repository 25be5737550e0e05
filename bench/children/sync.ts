import { pathToFileURL } from 'node:url';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { loadProfile } from '#adapters/profile-file.ts';
import { type OrderStep, orderId } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { type AdHocSession, openAdHocSession } from '#embedded/ad-hoc.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { loadPlan, loadReceipt } from '#functions/sync-documents.ts';
import type { Stages } from '../contender.ts';
import { countingStore } from '../counting-store.ts';
import { openLine, type Shape } from '../lane.ts';
import { shapedStore } from '../shaped-store.ts';
import { TrafficMeter, type TrafficReport } from '../traffic-meter.ts';
import { readTask, reportResult } from './task.ts';

export interface SyncTask {
  readonly store: string;
  readonly state: string;
  readonly source: string;
  readonly destination: string;
  /** The line that each server reaches the store through. */
  readonly line?: Shape;
}

export interface SyncResult {
  /** Seconds from opening the session to the verdict. */
  readonly work: number;
  readonly stages: Stages;
  readonly parties: Readonly<Record<Party, TrafficReport>>;
}

type Party = 'source' | 'destination' | 'control';

/** One sync between two folders by the very parts that `lockstep sync` uses, its approval given at once. */
async function main(): Promise<void> {
  const task = readTask<SyncTask>();
  const started = performance.now();
  const meters = new Map<ServerId | 'control', TrafficMeter>();
  const session = await openAdHocSession({
    storeUrl: pathToFileURL(task.store).href,
    stateFolder: task.state,
    source: task.source,
    destinations: [task.destination],
    profile: await loadProfile('generic'),
    log: () => undefined,
    reach: (store, party) => {
      const meter = new TrafficMeter();
      meters.set(party, meter);
      return countingStore(party === 'control' ? store : atTheEndOfTheLine(store, task), meter);
    },
  });
  try {
    const direct = await DirectoryStore.open(task.store);
    const id = await sync(session, direct);
    const work = (performance.now() - started) / 1000;
    const [destination] = session.destinations;
    const reportOf = (party: ServerId | 'control' | undefined) =>
      (meters.get(party ?? 'control') ?? new TrafficMeter()).report();
    const parties = {
      source: reportOf(session.source),
      destination: reportOf(destination),
      control: reportOf('control'),
    };
    const stages = await stagesOf(session, direct, id);
    reportResult<SyncResult>({ work, stages, parties });
  } finally {
    await session.close();
  }
}

function atTheEndOfTheLine(store: ObjectStore, { line }: SyncTask): ObjectStore {
  return line === undefined ? store : shapedStore(store, openLine(line));
}

/** The person who approves looks at the store directly: what that costs is on nobody's bill. The vote is heard at once, as it is from a terminal. */
async function sync(session: AdHocSession, direct: ObjectStore): Promise<SyncId> {
  const id = await session.request({
    requestedBy: PERSON,
    policy: { mode: 'overwrite', allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: true },
    waveSize: 1,
    errorBudget: 1,
    timeouts: { offlineSeconds: 600, inventorySeconds: 86_400, applySeconds: 86_400, approvalSeconds: 86_400 },
    notify: [],
  });
  let isOver = false;
  const finished = session.finished(id).finally(() => {
    isOver = true;
  });
  await Promise.all([finished, approve({ session, direct, id, isOver: () => isOver })]);
  const verdict = await findVerdict(direct, id);
  if (verdict?.verdict === 'SUCCEEDED' || verdict?.verdict === 'IN_SYNC') return id;
  throw new Error(`the sync ended with ${JSON.stringify(verdict)}`);
}

async function stagesOf({ destinations, source }: AdHocSession, direct: ObjectStore, id: SyncId): Promise<Stages> {
  const [destination = source] = destinations;
  const secondsOf = async (step: OrderStep, server: ServerId) => {
    const receipt = await loadReceipt(direct, server, orderId(id, step, server));
    return receipt && (Date.parse(receipt.finishedAt) - Date.parse(receipt.startedAt)) / 1000;
  };
  const apply = await secondsOf('apply', destination);
  return {
    sourceInventory: (await secondsOf('inventory', source)) ?? 0,
    destinationInventory: (await secondsOf('inventory', destination)) ?? 0,
    ...(apply !== undefined && { apply }),
  };
}

interface Approval {
  readonly session: AdHocSession;
  readonly direct: ObjectStore;
  readonly id: SyncId;
  readonly isOver: () => boolean;
}

async function approve({ direct, id, isOver, session }: Approval): Promise<void> {
  const { controlKey, store } = session;
  const { signal } = new AbortController();
  while (!isOver()) {
    const plan = await loadPlan(direct, id, controlKey);
    if (plan?.destinations.some(({ outcome }) => outcome === 'changes') === true) {
      const vote = { sync: id, plan: plan.digest, by: PERSON, via: '--yes', decision: 'APPROVED' } as const;
      await castVote({ store, now: () => new Date(), controlKey }, vote);
      return;
    }
    if (plan !== undefined) return;
    await session.pause(LOOK_MILLISECONDS, signal);
  }
}

const PERSON = 'bench';
const LOOK_MILLISECONDS = 100;

await main();
