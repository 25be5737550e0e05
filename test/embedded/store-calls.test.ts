import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { loadProfile } from '#adapters/profile-file.ts';
import { countingStore } from '#bench/counting-store.ts';
import { sumTraffic, type Traffic, TrafficMeter, type TrafficReport } from '#bench/traffic-meter.ts';
import { hasChanges } from '#core/plan.ts';
import type { ServerId } from '#core/server.ts';
import { openAdHocSession } from '#embedded/ad-hoc.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import type { SyncWish } from '#functions/request-sync.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import { noise } from '#test/agents/noise.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';

const WISH: Omit<SyncWish, 'source' | 'destinations'> = {
  requestedBy: 'requester',
  policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: true },
  waveSize: 1,
  errorBudget: 0,
  timeouts: { offlineSeconds: 600, inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 },
  notify: [],
};

/** One of each agent, when it starts. */
const STATUSES = 2;

it('asks the store a dozen times at most when source and destination are equal, and moves less than 4 KB', async () => {
  const folder = await temporaryFolder();
  writeTree(join(folder, 'source'), treeOf(10, 'as it was'));
  mkdirSync(join(folder, 'destination'));
  expect(await sync(folder)).toMatchObject({ verdict: 'SUCCEEDED' });
  // Times and permissions came with the content, so that the destination has to be looked at once more.
  expect(await sync(folder)).toMatchObject({ verdict: 'IN_SYNC' });
  const { traffic, verdict } = await sync(folder);
  expect(verdict).toBe('IN_SYNC');
  expect(traffic.requests + STATUSES).toBeLessThanOrEqual(12);
  expect(traffic.bodiesUp + traffic.bodiesDown).toBeLessThanOrEqual(4000);
});

it('brings what has changed to one destination with fewer than a hundred calls', async () => {
  const folder = await temporaryFolder();
  writeTree(join(folder, 'source'), treeOf(120, 'as it was'));
  mkdirSync(join(folder, 'destination'));
  await sync(folder);
  writeTree(join(folder, 'source'), { ...treeOf(120, 'as it is'), 'Firmware/new.bin': noise('new', 1_000_000) });
  const { traffic, verdict } = await sync(folder);
  expect(verdict).toBe('SUCCEEDED');
  expect(traffic.requests).toBeLessThan(100);
});

interface Measured {
  readonly verdict: string | undefined;
  /** Of both agents, but for their status and progress: how often they write that is a matter of time. */
  readonly traffic: Traffic;
}

async function sync(folder: string): Promise<Measured> {
  const meters = new Map<ServerId | 'control', TrafficMeter>();
  const session = await openAdHocSession({
    storeUrl: pathToFileURL(join(folder, 'store')).href,
    stateFolder: join(folder, 'state'),
    source: join(folder, 'source'),
    destinations: [join(folder, 'destination')],
    profile: await loadProfile('generic'),
    log: () => undefined,
    reach: (store, party) => {
      const meter = new TrafficMeter();
      meters.set(party, meter);
      return countingStore(store, meter);
    },
  });
  const { controlKey, store } = session;
  try {
    const id = await session.request(WISH);
    let plan = await loadPlan(store, id, controlKey);
    for (; plan === undefined; plan = await loadPlan(store, id, controlKey)) await sleep(2);
    if (hasChanges(plan)) {
      const vote = { sync: id, plan: plan.digest, by: 'requester', via: 'test', decision: 'APPROVED' } as const;
      await castVote({ store, now: () => new Date(), controlKey }, vote);
    }
    await session.finished(id);
    meters.delete('control');
    const traffic = sumTraffic([...meters.values()].map((meter) => withoutClocked(meter.report())));
    return { verdict: (await findVerdict(store, id))?.verdict, traffic };
  } finally {
    await session.close();
  }
}

function withoutClocked({ kinds }: TrafficReport): Traffic {
  const { progress: _, status: __, ...rest } = kinds;
  return sumTraffic(Object.values(rest));
}

function treeOf(files: number, text: string): Tree {
  return Object.fromEntries(
    Array.from({ length: files }, (_, index) => [`Configuration/${index}.xml`, `${text} ${index}`]),
  );
}
