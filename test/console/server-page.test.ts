import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys, orderId } from '#core/keys.ts';
import type { ManifestEntry } from '#core/manifest.ts';
import { type AgentStatus, STATUS_FORMAT, signedReceiptSchema } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import type { SyncId } from '#core/sync.ts';
import type { FakeAgent } from '#test/support/fake-agent.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type Browser, ConsoleUnderTest, formsOf } from './browser.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
const HERE = '/servers/west/backup';
const POLICY = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
} as const;

let fleet: FakeFleet;
let source: FakeAgent;
let backup: FakeAgent;
let underTest: ConsoleUnderTest;
let viewer: Browser;
let started: SyncId[];

beforeEach(async () => {
  fleet = new FakeFleet();
  const sites = { west: { servers: ['primary', 'backup', 'new'] } };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
  source = await fleet.add('west/primary', [file('a.cfg', 'new'), file('t.db', 'same', 'termcap')]);
  backup = await fleet.add('west/backup', [file('a.cfg', 'old'), file('x.lic', 'mine', 'license')]);
  await fleet.start();
  started = [];
  underTest = new ConsoleUnderTest({
    store: fleet.store,
    controlKey: fleet.signer.publicKey,
    executions: { start: async (sync) => void started.push(sync) },
  });
  viewer = underTest.signIn('viewer', ['viewer']);
});

afterEach(() => fleet.end());

async function synced(by = 'approver'): Promise<SyncId> {
  const sync = await fleet.request({ timeouts: PATIENT });
  await fleet.vote(sync, 'APPROVED', by);
  expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  return sync;
}

async function verified(entries: ManifestEntry[] = backup.entries) {
  backup.entries = entries;
  const policy = { ...POLICY, dryRun: true, verify: true as const };
  const sync = await fleet.request({ source: backup.server, destinations: [], policy, timeouts: PATIENT });
  return await fleet.verdict(sync);
}

async function photograph() {
  return (await Array.fromAsync(fleet.store.list(''))).map(({ etag, key }) => `${key} ${etag}`);
}

describe('the page of a server', () => {
  it('shows its chain of receipts with who approved, and what it holds by class', async () => {
    const sync = await synced(`approver ${MARKUP}`);
    const { status, text } = await viewer.get(HERE);
    expect(status).toBe(200);
    for (const shown of [sync, 'succeeded', 'as left', 'license', 'configuration']) expect(text).toContain(shown);
    expect(text).toContain('approver &lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
    expect(text).toContain(`${HERE}/receipts/${orderId(sync, 'apply', backup.server)}`);
  });

  it('shows when it was heard of, whatever its agent calls itself', async () => {
    const status: AgentStatus = {
      format: STATUS_FORMAT,
      server: backup.server,
      seenAt: new Date().toISOString(),
      ...AGENT,
    };
    await fleet.store.put(keys.status(backup.server), encodeDocument(await sign(status, backup.signer)));
    const { text } = await viewer.get(HERE);
    expect(text).toContain('online');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
  });

  it('names the files that drifted, and what happened to each', async () => {
    await synced();
    const { verdict } = await verified([
      file('a.cfg', 'edited'),
      file(`${MARKUP}.cfg`, 'added'),
      file('x.lic', 'mine', 'license'),
    ]);
    expect(verdict).toBe('DRIFTED');
    const { text } = await viewer.get(HERE);
    expect(text).toMatch(/edited since, not by a sync.*a\.cfg/s);
    expect(text).toMatch(/removed since, not by a sync.*t\.db/s);
    expect(text).toMatch(/added since, not by a sync.*&lt;img src=x onerror=alert\(1\)&gt;\.cfg/s);
    expect(text).not.toContain('<img');
  });

  it('says that nothing has drifted where nothing has', async () => {
    await synced();
    expect((await verified()).verdict).toBe('VERIFIED');
    const { text } = await viewer.get(HERE);
    expect(text).toContain('verified');
    expect(text).not.toContain('Files that drifted');
  });

  it('says what to do first with a server that was never heard of', async () => {
    const { status, text } = await viewer.get('/servers/west/new');
    expect(status).toBe(200);
    for (const hint of ['lockstep-agent enroll<', 'No order was given', 'No verification', 'has not taken stock'])
      expect(text).toContain(hint);
  });

  it.each([
    ['/servers/west/other', 404],
    ['/servers/West/backup', 400],
    ['/servers/west/..%2Fbackup', 400],
  ])('knows no %s', async (path, status) => {
    expect((await viewer.get(path)).status).toBe(status);
  });

  it('changes nothing when it is looked at', async () => {
    const sync = await synced();
    await fleet.stopController();
    const before = await photograph();
    for (const path of [
      HERE,
      `${HERE}?show=drift`,
      `${HERE}?orders=200`,
      `${HERE}/receipts/${orderId(sync, 'apply', backup.server)}`,
    ])
      expect((await viewer.get(path)).status).toBe(200);
    expect((await underTest.signIn('starter').get(`${HERE}/verify`)).status).toBe(404);
    expect(await photograph()).toEqual(before);
    expect(started).toEqual([]);
  });
});

describe('a receipt', () => {
  it('is downloaded as its agent signed it', async () => {
    const order = orderId(await synced(), 'apply', backup.server);
    const { headers, status, text } = await viewer.get(`${HERE}/receipts/${order}`);
    expect(status).toBe(200);
    expect(headers.get('Content-Disposition')).toBe(`attachment; filename="${order}.json"`);
    expect(headers.get('Content-Type')).toContain('application/json');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(text).toBe(Buffer.from((await fleet.store.get(keys.receipt(backup.server, order)))?.body ?? []).toString());
    expect(parseDocument('receipt', signedReceiptSchema, Buffer.from(text)).payload).toMatchObject({
      outcome: 'SUCCEEDED',
    });
  });

  it.each([
    ['another server', (sync: SyncId) => orderId(sync, 'inventory', source.server), 400],
    ['no order at all', () => 'status', 400],
    ['a way out of the folder', () => '..%2F..%2F..%2Ffleet%2Ffleet', 400],
    [
      'a sync that it had no part in',
      () => orderId('20260102T030405Z-0a1b2c3d' as SyncId, 'apply', backup.server),
      404,
    ],
  ])('is none of %s', async (_, orderOf, status) => {
    expect((await viewer.get(`${HERE}/receipts/${orderOf(await synced())}`)).status).toBe(status);
  });

  it('that is too large to be one is not sent', async () => {
    const order = orderId(await synced(), 'apply', backup.server);
    await fleet.store.put(keys.receipt(backup.server, order), Buffer.alloc(2 * 1024 * 1024));
    expect((await viewer.get(`${HERE}/receipts/${order}`)).status).toBe(404);
  });
});

describe('a verification', () => {
  it('is asked for by an operator, of this server alone', async () => {
    const operator = underTest.signIn('starter');
    const form = formsOf((await operator.get(HERE)).text).find(({ action }) => action === `${HERE}/verify`);
    const { headers, status } = await operator.post(`${HERE}/verify`, form?.fields ?? {});
    expect(status).toBe(303);
    const [sync] = started;
    expect(headers.get('Location')).toBe(`/syncs/${sync}`);
    const stored = sync && (await fleet.store.get(keys.request(sync)));
    expect(JSON.parse(Buffer.from(stored?.body ?? []).toString())).toMatchObject({
      requestedBy: 'starter',
      source: 'west/backup',
      destinations: [],
      policy: { verify: true, dryRun: true },
    });
  });

  it('is not for a viewer, nor by a form that the console did not show', async () => {
    expect((await viewer.get(HERE)).text).not.toContain('Verify it now');
    const { formKey = '' } = formsOf((await viewer.get(HERE)).text)[0]?.fields ?? {};
    expect((await viewer.post(`${HERE}/verify`, { formKey })).status).toBe(403);
    expect((await underTest.signIn('starter').post(`${HERE}/verify`, { formKey })).status).toBe(403);
    expect(started).toEqual([]);
  });
});

const PATIENT = { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 };
const AGENT = { agent: MARKUP, lastSequence: 0 };
