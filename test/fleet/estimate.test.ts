import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '#core/keys.ts';
import type { DestinationVerdict } from '#core/verdict.ts';
import { type AdHocSession, openAdHocSession } from '#embedded/ad-hoc.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { findVerdict } from '#functions/report/write-verdict.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { PROFILE } from '#test/agents/control.ts';
import { noise } from '#test/agents/noise.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';

const KIB = 1024;
const FIRMWARE = noise('firmware', 6000 * KIB);
const RELEASE: Tree = {
  'firmware/a.bin': FIRMWARE,
  'firmware/b.bin': noise('other', 700 * KIB),
  'one.ini': noise('one', 30_000).toString('hex'),
  'two.ini': 'two',
  'licenses/a.lic': 'of the source',
};

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  writeTree(join(folder, 'source'), RELEASE);
});

let session: AdHocSession | undefined;

afterEach(() => session?.close());

/** A real sync from `source` to the folders of these names, in this process, to its end. */
async function sync(...names: string[]): Promise<readonly DestinationVerdict[]> {
  const { store, controlKey, ...running } = await openAdHocSession({
    storeUrl: `file://${join(folder, 'store')}`,
    stateFolder: join(folder, 'state'),
    source: join(folder, 'source'),
    destinations: names.map((name) => join(folder, name)),
    profile: PROFILE,
    log: () => undefined,
  });
  session = { store, controlKey, ...running };
  const id = await running.request({
    requestedBy: 'somebody',
    policy: { mode: 'overwrite', allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: true },
    waveSize: 4,
    errorBudget: 9,
    timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
    notify: [],
  });
  while ((await store.head(keys.approvalRequested(id))) === undefined) {
    const early = await findVerdict(store, id);
    if (early !== undefined) throw new Error(`no plan: ${early.detail}`);
    await new Promise((go) => setTimeout(go, 10));
  }
  const plan = await requirePlan(store, id, controlKey);
  const vote = { sync: id, plan: plan.digest, decision: 'APPROVED', by: 'somebody', via: 'test' } as const;
  await castVote({ store, now: () => new Date(), controlKey }, vote);
  await running.finished(id);
  const verdict = await findVerdict(store, id);
  await running.close();
  for (const name of names) expectLockstep(name);
  return verdict?.destinations ?? [];
}

function expectLockstep(name: string): void {
  const [ours, theirs] = [readTree(join(folder, 'source')), readTree(join(folder, name))];
  for (const path of Object.keys(ours))
    if (!path.endsWith('/') && !path.endsWith('.lic')) expect(theirs[path]).toBe(ours[path]);
}

function release(number: number): void {
  const next = Buffer.from(FIRMWARE);
  for (let change = 1; change <= number; change++) next.write(`release ${change}`, change * 1_000_000);
  next.write(`release ${number}`, 5_000_000);
  writeFileSync(join(folder, 'source/firmware/a.bin'), next);
  writeFileSync(join(folder, 'source/one.ini'), `${RELEASE['one.ini']} ${number}`);
  writeFileSync(join(folder, `source/new in ${number}.ini`), noise(`new in ${number}`, 20 * KIB));
}

/** Of what travels; the tests print nothing, but an error names both. */
function expectWithinFivePercent(destination: DestinationVerdict | undefined): void {
  const [estimated, fetched] = [destination?.estimate?.bytes ?? 0, destination?.bytesFetched ?? 0];
  expect(fetched).toBeGreaterThan(0);
  expect(Math.abs(estimated - fetched), `estimated ${estimated}, fetched ${fetched}`).toBeLessThan(0.05 * fetched);
  expect(destination?.estimate?.atMost).toBeUndefined();
}

describe('the estimate of a plan is within 5 % of the bytes that are really fetched', () => {
  it('by a destination that has nothing but licenses, and by one that has nothing at all', async () => {
    writeTree(join(folder, 'licensed'), { 'licenses/b.lic': 'of the destination' });
    writeTree(join(folder, 'empty'), {});
    const destinations = await sync('licensed', 'empty');
    for (const destination of destinations) expectWithinFivePercent(destination);
  });

  it('by one that has the release before, and by one that is three releases behind', async () => {
    for (const name of ['behind', 'current']) writeTree(join(folder, name), {});
    const fresh = await sync('behind', 'current');
    expect(fresh.map(({ estimate }) => estimate?.seconds)).toEqual([undefined, undefined]);
    for (const number of [1, 2]) {
      release(number);
      await sync('current');
    }
    release(3);
    const [behind, current] = await sync('behind', 'current');
    for (const destination of [behind, current]) expectWithinFivePercent(destination);
    // With what lies between two pieces that it wants, where that costs less than another call.
    expect(current?.estimate?.bytes).toBeLessThan(150 * KIB);
    expect([behind, current].map((one) => typeof one?.estimate?.seconds)).toEqual(['number', 'number']);
  });

  it('by one that has the content under other names', async () => {
    writeTree(join(folder, 'renamed'), { 'firmware/old name.bin': FIRMWARE, 'old name.ini': RELEASE['one.ini'] ?? '' });
    const [renamed] = await sync('renamed');
    expectWithinFivePercent(renamed);
    expect(renamed?.estimate?.bytes).toBeLessThan(800 * KIB);
  });

  it('but for one whose old files the source has never had: less may travel, and the estimate says so', async () => {
    const strange = Buffer.from(FIRMWARE);
    strange.write('changed by somebody else', 3_000_000);
    writeTree(join(folder, 'strange'), { 'firmware/a.bin': strange });
    const [destination] = await sync('strange');
    expect(destination?.estimate).toMatchObject({ atMost: true });
    expect(destination?.bytesFetched).toBeLessThan(destination?.estimate?.bytes ?? 0);
  });
});
