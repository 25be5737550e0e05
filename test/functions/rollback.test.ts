import { afterEach, describe, expect, it } from 'vitest';
import { keys } from '#core/keys.ts';
import { decodePart } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import type { SyncVerdict } from '#core/verdict.ts';
import type { SyncWish } from '#functions/request-sync.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const NEW = [file('a.cfg', 'new'), file('b.cfg', 'made'), file('x.lic', 'yours', 'license')];
const OLD = [file('a.cfg', 'old'), file('gone.cfg', 'gone'), file('x.lic', 'mine', 'license')];

const ONE = serverIdSchema.parse('plant-a/tm1');
const TWO = serverIdSchema.parse('plant-b/tm1');

let fleet: FakeFleet;
let one: FakeAgent;
let two: FakeAgent;

async function begin(): Promise<void> {
  fleet = new FakeFleet();
  await fleet.add('plant-a/source', NEW);
  one = await fleet.add(ONE, OLD);
  two = await fleet.add(TWO, OLD);
  await fleet.start();
}

afterEach(() => fleet.end());

/** To its verdict, approved. */
async function carryOut(wish: Partial<SyncWish> = {}): Promise<SyncVerdict> {
  const sync = await fleet.request(wish);
  await fleet.until(async () => (await isAsked(sync)) || (await fleet.store.head(keys.verdict(sync))) !== undefined);
  if (await isAsked(sync)) await fleet.vote(sync, 'APPROVED');
  return await fleet.verdict(sync);
}

async function isAsked(sync: SyncId): Promise<boolean> {
  return (await fleet.store.head(keys.approvalRequested(sync))) !== undefined;
}

const MIRROR = policy('mirror');

function policy(mode: 'mirror' | 'rollback', dryRun = false): SyncWish['policy'] {
  return { mode, allowShrink: false, dryRun, approvals: 1, requesterMayApprove: false };
}

function rollback({ sync }: Pick<SyncVerdict, 'sync'>, destinations = [ONE, TWO]): Partial<SyncWish> {
  return { rollbackOf: sync, destinations, policy: policy('rollback') };
}

function contents({ entries }: FakeAgent): Record<string, string> {
  return Object.fromEntries(entries.flatMap((entry) => ('sha256' in entry ? [[entry.path, entry.sha256]] : [])));
}

describe('a rollback', () => {
  it('leads every destination back, is approved like any sync, and never asks the source', async () => {
    await begin();
    const before = contents(one);
    const past = await carryOut({ policy: MIRROR });
    expect(past.verdict).toBe('SUCCEEDED');
    expect(contents(one)).not.toEqual(before);
    const source = fleet.agents.get('plant-a/source');
    const orders = source?.obeyed.length;
    const verdict = await carryOut(rollback(past));
    expect(verdict).toMatchObject({
      verdict: 'SUCCEEDED',
      mode: 'rollback',
      rollbackOf: past.sync,
      source: { server: 'plant-a/source', bytesUploaded: 0 },
      destinations: [
        { verdict: 'SUCCEEDED', changes: { create: 1, update: 1, remove: 1, keep: 0 } },
        { verdict: 'SUCCEEDED' },
      ],
    });
    expect([contents(one), contents(two)]).toEqual([before, before]);
    expect(source?.obeyed.length).toBe(orders);
    const { destinations } = await requirePlan(fleet.store, verdict.sync, fleet.signer.publicKey);
    const [planned] = destinations;
    if (planned?.outcome !== 'changes') throw new Error('nothing was planned');
    const stored = await fleet.store.get(keys.part(verdict.sync, ONE, planned.part));
    const { header } = decodePart(stored?.body ?? new Uint8Array(), planned.part);
    expect(header).toMatchObject({ mode: 'rollback', rollbackOf: past.sync });
    expect(header).not.toHaveProperty('snapshot');
    expect(planned.estimate?.bytes).toBe(stored?.body.length);
  });

  it('is told to the approvers as what it is', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    const { sync } = await carryOut(rollback(past));
    const [asked, told] = fleet.mails.slice(-2);
    expect(asked?.subject).toContain(`rollback ${sync} of sync ${past.sync}`);
    expect(asked?.text).toContain(`asks to roll back sync ${past.sync} at 2 destinations`);
    expect(asked?.text).not.toContain('overwrite the corresponding files');
    expect(told?.text).toContain(`Rollback ${sync} of sync ${past.sync}: SUCCEEDED`);
  });

  it('concerns only the destinations that are named', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    const after = contents(one);
    expect(await carryOut(rollback(past, [TWO]))).toMatchObject({
      verdict: 'SUCCEEDED',
      destinations: [{ server: TWO }],
    });
    expect(contents(one)).toEqual(after);
    expect(contents(two)).not.toEqual(after);
  });

  it('can be rolled back itself', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    const after = contents(one);
    const back = await carryOut(rollback(past));
    expect(await carryOut(rollback(back))).toMatchObject({ verdict: 'SUCCEEDED', rollbackOf: back.sync });
    expect(contents(one)).toEqual(after);
  });

  it('is planned and shown, and writes nothing, in a dry run', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    const after = contents(one);
    const dry = await carryOut({ ...rollback(past), policy: policy('rollback', true) });
    expect(dry).toMatchObject({
      verdict: 'PLANNED',
      destinations: [{ verdict: 'NOT_ATTEMPTED', changes: { remove: 1 } }, {}],
    });
    expect(contents(one)).toEqual(after);
  });

  it('finds nothing to do the second time', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    await carryOut(rollback(past));
    expect(await carryOut(rollback(past))).toMatchObject({ verdict: 'IN_SYNC' });
  });

  it('is refused where what the sync wrote was changed since, with the files named, and goes on elsewhere', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    one.entries = [
      ...one.entries.filter(({ path }) => path !== 'a.cfg'),
      file('a.cfg', 'edited'),
      file('gone.cfg', 'again'),
    ];
    const edited = contents(one);
    expect(await carryOut(rollback(past))).toMatchObject({
      verdict: 'FAILED',
      destinations: [
        {
          server: ONE,
          verdict: 'REFUSED',
          reason: 'STALE_PLAN',
          detail: expect.stringMatching(/^2 files are no longer as sync .* left them: "a.cfg", "gone.cfg"; /),
          receipt: null,
        },
        { server: TWO, verdict: 'SUCCEEDED' },
      ],
    });
    expect(contents(one)).toEqual(edited);
  });

  it('names a few of many files that were changed since, and counts them', async () => {
    await begin();
    const many = Array.from({ length: 12 }, (_, number) => file(`many/${String(number).padStart(2, '0')}.cfg`, 'made'));
    const source = fleet.agents.get('plant-a/source');
    if (source !== undefined) source.entries = [...NEW, ...many];
    const past = await carryOut({ policy: MIRROR });
    one.entries = one.entries.filter(({ path }) => !path.startsWith('many/'));
    const { destinations } = await carryOut(rollback(past, [ONE]));
    expect(destinations[0]?.detail).toMatch(/^12 files .*"many\/04.cfg" and 7 more; /);
  });

  it('takes no notice of what else was changed since', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    one.entries = [...one.entries, file('other.cfg', 'mine')];
    expect(await carryOut(rollback(past, [ONE]))).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(contents(one)).toHaveProperty(['other.cfg']);
  });

  it('is refused where what it needs is no longer kept', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    one.preImages = [];
    expect(await carryOut(rollback(past))).toMatchObject({
      destinations: [
        {
          verdict: 'REFUSED',
          reason: 'NO_PRE_IMAGES',
          detail: expect.stringContaining('keepPreImages'),
          receipt: null,
        },
        { verdict: 'SUCCEEDED' },
      ],
    });
  });

  it('needs nothing kept where the sync has only made files', async () => {
    await begin();
    one.entries = [file('x.lic', 'mine', 'license')];
    const past = await carryOut({ destinations: [ONE] });
    one.preImages = [];
    expect(await carryOut(rollback(past, [ONE]))).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(Object.keys(contents(one))).toEqual(['x.lic']);
  });

  it('says which destination is offline, or cannot be planned for its own past', async () => {
    await begin();
    const past = await carryOut({ policy: MIRROR });
    const { destinations } = await requirePlan(fleet.store, past.sync, fleet.signer.publicKey);
    const [planned] = destinations;
    await fleet.store.delete(keys.part(past.sync, ONE, planned?.outcome === 'changes' ? planned.part : ('' as never)));
    two.misbehaviour = 'silent';
    expect(await carryOut(rollback(past))).toMatchObject({
      destinations: [
        { verdict: 'FAILED', detail: expect.stringContaining('not in the store') },
        { verdict: 'OFFLINE' },
      ],
    });
  });
});

describe('a request for a rollback is refused', () => {
  it('of a sync that is not known, has not ended, or has written nothing', async () => {
    await begin();
    const unknown = { sync: '20200102T030405Z-0a1b2c3d' as SyncId };
    await expect(fleet.request(rollback(unknown))).rejects.toThrow(/there is no sync 20200102T030405Z-0a1b2c3d/);
    const waiting = await fleet.request({ policy: MIRROR });
    await expect(fleet.request(rollback({ sync: waiting }))).rejects.toThrow(/has not ended yet/);
    await fleet.vote(waiting, 'REJECTED');
    await fleet.verdict(waiting);
    await expect(fleet.request(rollback({ sync: waiting }))).rejects.toThrow(/ended REJECTED and has written nothing/);
  });

  it('at servers that the sync was not for, or has not written', async () => {
    await begin();
    two.misbehaviour = 'refuses';
    const past = await carryOut({ policy: MIRROR });
    await expect(fleet.request(rollback(past))).rejects.toThrow(
      /has changed nothing at plant-b\/tm1: it can be rolled back at plant-a\/tm1/,
    );
    const other = serverIdSchema.parse('plant-c/tm9');
    await expect(fleet.request(rollback(past, [other]))).rejects.toThrow(/was not for plant-c\/tm9/);
    expect(await carryOut(rollback(past, [ONE]))).toMatchObject({ verdict: 'SUCCEEDED' });
  });

  it('that does not say of what, or says so without being one', async () => {
    await begin();
    await expect(fleet.request({ policy: policy('rollback') })).rejects.toThrow(/names the sync that it is of/);
    const past = await carryOut({ policy: MIRROR });
    await expect(fleet.request({ ...rollback(past), policy: MIRROR })).rejects.toThrow(/names the sync that it is of/);
  });
});
