import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { DecisionRefused } from '#core/errors.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { SyncId, SyncPolicy } from '#core/sync.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import type { SyncWish } from '#functions/request-sync.ts';
import { loadPlan } from '#functions/sync-documents.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const POLICY: SyncPolicy = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
};

let fleet: FakeFleet;
let source: FakeAgent;
let destination: FakeAgent;

beforeEach(async () => {
  fleet = new FakeFleet();
  source = await fleet.add('plant-a/source', files(40));
  destination = await fleet.add('plant-b/tm1', files(60));
  await fleet.start();
});

afterEach(() => fleet.end());

function files(count: number, content = '') {
  return Array.from({ length: count }, (_, index) => file(`${index}.cfg`, `${content}${index}`));
}

async function planOf(policy: Partial<SyncPolicy> = {}, wish: Partial<SyncWish> = {}) {
  const sync = await fleet.request({ ...wish, policy: { ...POLICY, ...policy } });
  await fleet.planned(sync);
  const plan = await loadPlan(fleet.store, sync, fleet.signer.publicKey);
  const planned = plan?.destinations[0];
  if (planned === undefined) throw new Error('expected a plan');
  return { sync, planned };
}

async function vote(sync: SyncId, acknowledgedRemovals?: number): Promise<void> {
  const dependencies = { store: fleet.store, now: () => new Date(), controlKey: fleet.signer.publicKey };
  const cast = { sync, plan: await fleet.planned(sync), decision: 'APPROVED', by: 'approver', via: 'test' } as const;
  await castVote(dependencies, { ...cast, ...(acknowledgedRemovals !== undefined && { acknowledgedRemovals }) });
}

describe('a mirror that removes a large share', () => {
  it('is not approved without the number of removals; with it the order tells the agent', async () => {
    const { planned, sync } = await planOf({ mode: 'mirror' });
    expect(planned).toMatchObject({ counts: { remove: 20 }, needs: ['removals'] });
    await expect(vote(sync)).rejects.toThrow(DecisionRefused);
    await expect(vote(sync)).rejects.toThrow(/--acknowledge-removals 20/);
    await vote(sync, 20);
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(destination.obeyed.at(-1)).toMatchObject({ step: 'apply', acknowledgedRemovals: 20 });
    expect(destination.entries).toHaveLength(40);
  });

  it('says so in the mail, in the command that approves it', async () => {
    const { sync } = await planOf({ mode: 'mirror' });
    await fleet.until(() => fleet.mails.length > 0);
    expect(fleet.mails[0]?.text).toContain('! 20 files will be removed, more than 10 %');
    expect(fleet.mails[0]?.text).toMatch(new RegExp(`lockstep approve ${sync} --plan \\S+ --acknowledge-removals 20`));
  });

  it('needs no more than an approval when that share was asked for; the mail and the agent are told of it', async () => {
    const { planned, sync } = await planOf({ mode: 'mirror', maxRemovalPercent: 50 });
    expect(planned).not.toHaveProperty('needs');
    await vote(sync);
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(destination.obeyed.at(-1)).toMatchObject({ maxRemovalPercent: 50 });
    expect(destination.obeyed.at(-1)).not.toHaveProperty('acknowledgedRemovals');
    expect(fleet.mails[0]?.text).toContain('Asked for with --max-removals 50.');
  });

  it('counts the share over the classes that travel', async () => {
    source.entries = [...files(48), file('fw', 'f', 'firmware')];
    destination.entries = [...files(60), ...Array.from({ length: 90 }, (_, at) => file(`fw-${at}`, 'f', 'firmware'))];
    const shrinking = { mode: 'mirror', allowShrink: true } as const;
    expect((await planOf({ ...shrinking, only: ['configuration'] })).planned).toMatchObject({
      counts: { remove: 12 },
      needs: ['removals'],
    });
    source.entries = [...source.entries, ...destination.entries.slice(60)];
    expect((await planOf(shrinking)).planned).not.toHaveProperty('needs');
  });
});

describe('a plan is refused', () => {
  it('between servers whose compatibility differs in the fleet file', async () => {
    const sites = {
      'plant-a': { servers: ['source'], compatibility: { databasePasswordGroup: 'north' } },
      'plant-b': { servers: [{ name: 'tm1', compatibility: { databasePasswordGroup: 'south' } }] },
    };
    await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
    expect((await planOf()).planned).toMatchObject({
      outcome: 'refused',
      reason: 'GUARD',
      detail: expect.stringMatching(/"north" for plant-a\/source and "south" for plant-b\/tm1/),
    });
  });

  it('where the source has an older product, unless that is allowed', async () => {
    source.productVersion = '13.1';
    destination.productVersion = '13.2';
    expect((await planOf()).planned).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('--allow-downgrade'),
    });
    expect((await planOf({ mode: 'mirror', allowDowngrade: true })).planned).toMatchObject({ outcome: 'changes' });
  });

  it('only where it is the same source that has lost a class', async () => {
    source.entries = [...files(60, 'new'), file('boot.bin', 'boot', 'firmware')];
    const { sync } = await planOf();
    await vote(sync);
    await fleet.verdict(sync);
    const other = await fleet.add('plant-c/other', files(60, 'newer'));
    const from = { source: other.server, destinations: [destination.server] };
    expect((await planOf({}, from)).planned).toMatchObject({ outcome: 'changes' });
  });

  it('where the source has lost a class that it had at the last sync, unless that is allowed', async () => {
    const firmware = file('boot.bin', 'boot', 'firmware');
    source.entries = [...files(60, 'new'), firmware];
    const first = await planOf();
    await vote(first.sync);
    expect(await fleet.verdict(first.sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    source.entries = files(60, 'newer');
    expect((await planOf()).planned).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('--allow-vanished firmware'),
    });
    expect((await planOf({ allowVanished: ['firmware'] })).planned).toMatchObject({ outcome: 'changes' });
  });
});
