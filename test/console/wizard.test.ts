import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type Browser, ConsoleUnderTest, type Fields, formsOf } from './browser.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
let fleet: FakeFleet;
let underTest: ConsoleUnderTest;
let operator: Browser;

beforeEach(async () => {
  fleet = new FakeFleet();
  const sites = { west: { servers: ['primary', 'backup'] } };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
  await fleet.add('west/primary', [file(`${MARKUP}.cfg`, 'new'), file('t.db', 'same', 'termcap')]);
  await fleet.add('west/backup', [file('t.db', 'old', 'termcap'), file('own.cfg', 'own')]);
  await fleet.start();
  const { signer, store } = fleet;
  underTest = new ConsoleUnderTest({ store, controlKey: signer.publicKey, executions: new StoreExecutions(store) });
  operator = underTest.signIn('starter');
});

afterEach(() => fleet.end());

async function begin(more: Fields = {}): Promise<SyncId> {
  const { fields = {} } =
    formsOf((await operator.get('/synchronize')).text).find(({ action }) => action === '/synchronize') ?? {};
  const { formKey = '' } = fields;
  const form = { formKey, action: 'begin', source: 'west/primary', destination: 'west/backup', ...more };
  const { headers } = await operator.post('/synchronize', form);
  return syncIdSchema.parse(headers.get('Location')?.slice('/syncs/'.length));
}

async function stepOf(sync: SyncId): Promise<string | undefined> {
  return /aria-current="step">([^<]*)</.exec((await operator.get(`/syncs/${sync}`)).text)?.[1];
}

it('leads from the choice over the differences and the approval to the result', async () => {
  expect((await operator.get('/synchronize')).text).toContain('aria-current="step">Choose source and destinations<');
  const sync = await begin({ mode: 'mirror', 'allow-shrink': 'yes' });
  await fleet.until(async () => (await stepOf(sync)) === 'Confirm');
  const { text } = await operator.get(`/syncs/${sync}`);
  for (const shown of ['Synchronization Differences', '1 file removed', 'termcap', `/approvals/${sync}`])
    expect(text).toContain(shown);
  const files = await operator.get(`/syncs/${sync}/differences/west/backup`);
  expect(files.text).toContain('&lt;img src=x onerror=alert(1)&gt;.cfg');
  expect(files.text).not.toContain('<img');
  const code = shortCode(await fleet.planned(sync));
  await underTest.signIn('approver').submit(`/approvals/${sync}`, { decision: 'APPROVED', code });
  expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  const result = await operator.get(`/syncs/${sync}`);
  expect(result.text).toContain('aria-current="step">Progress and result<');
  expect(result.text).toContain('Synchronization Result');
  expect(result.text).toContain(`/syncs/${sync}/differences`);
});

it('ends with the differences where somebody only wanted to look', async () => {
  const sync = await begin({ 'dry-run': 'yes' });
  expect((await fleet.verdict(sync)).verdict).toBe('PLANNED');
  const { text } = await operator.get(`/syncs/${sync}`);
  expect(text).toContain('Synchronization Differences');
  expect(text).not.toContain(`href="/approvals/${sync}"`);
  expect((await operator.get(`/syncs/${sync}/differences`)).text).not.toContain(`href="/approvals/${sync}"`);
});

it('shows no steps of the wizard for a verification', async () => {
  await fleet.verdict(await begin({ 'dry-run': 'yes' }));
  const policy = {
    mode: 'overwrite',
    allowShrink: false,
    dryRun: true,
    verify: true,
    approvals: 1,
    requesterMayApprove: false,
  } as const;
  const [agent] = fleet.agents.values();
  if (agent === undefined) throw new Error('no agent');
  const sync = await fleet.request({ policy, source: agent.server, destinations: [] });
  expect((await operator.get(`/syncs/${sync}`)).text).not.toContain('class="steps"');
});
