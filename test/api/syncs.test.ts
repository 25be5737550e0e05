import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { syncViewSchema } from '#functions/api/documents.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { ServedApi } from './served-api.ts';

const MARKUP = '<script>alert("1")</script>&.cfg';
const PATIENT = { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 };

let fleet: FakeFleet;

beforeEach(async () => {
  fleet = new FakeFleet();
  const files = Array.from({ length: 12 }, (_, index) =>
    file(`drivers/${String(index).padStart(2, '0')}.drv`, 'd', 'firmware'),
  );
  await fleet.add('west/primary', [...files, file(MARKUP, 'new'), file('same.cfg', 's')]);
  for (const name of ['backup', 'spare', 'third'])
    await fleet.add(`west/${name}`, [file('same.cfg', 's'), file('old.cfg', 'o')]);
  const sites = { west: { servers: ['primary', 'backup', 'spare', 'third'] } };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
  await fleet.start();
});

afterEach(() => fleet.end());

async function serve(more: Partial<Parameters<typeof ServedApi.serve>[0]> = {}) {
  const { signer, store } = fleet;
  const api = await ServedApi.serve({
    store,
    controlKey: signer.publicKey,
    executions: new StoreExecutions(store),
    ...more,
  });
  const token = await api.token('operator');
  const get = async (path: string) => (await api.ask(`/api/v1/${path}`, { token })).body;
  const post = async (path: string, body: unknown) => await api.ask(`/api/v1/${path}`, { token, body });
  return { api, get, post, token };
}

describe('starting', () => {
  it('asks for what the form of the console asks for, by the rules of the fleet file', async () => {
    const { api, get, post } = await serve();
    const wish = {
      source: 'west/primary',
      destinations: ['west/backup'],
      sites: ['west'],
      mode: 'mirror',
      maxRemovalPercent: 100,
    };
    const { body, headers, status } = await post('syncs', wish);
    expect(status).toBe(201);
    expect(headers.get('Location')).toBe(`/api/v1/syncs/${body.sync}`);
    await fleet.planned(body.sync);
    const { request } = await get(`syncs/${body.sync}`);
    expect(request).toMatchObject({
      requestedBy: 'operator',
      source: 'west/primary',
      destinations: ['west/backup', 'west/spare', 'west/third'],
      policy: { mode: 'mirror', maxRemovalPercent: 100, approvals: 1, requesterMayApprove: false, dryRun: false },
    });
    expect(api.logged).toContainEqual(
      expect.objectContaining({ event: 'sync-started', person: 'operator', via: 'api' }),
    );
  });

  it('says what is wrong, and starts nothing', async () => {
    const { get, post } = await serve();
    const good = { source: 'west/primary', destinations: ['west/backup'] };
    for (const [wrong, problem] of [
      [{ source: 'west/nobody' }, 'There is no server west/nobody.'],
      [{ source: 'West' }, 'json.source: expected site/name'],
      [{ destinations: ['west/primary'] }, 'cannot be source and destination'],
      [{ destinations: [] }, 'Choose at least one server'],
      [{ only: ['license'] }, 'is no class of files that travels'],
      [{ mode: 'rollback' }, 'json.mode'],
      [{ maxRemovalPercent: 101 }, 'json.maxRemovalPercent'],
      [{ approvals: 0 }, 'approvals'],
      [{ requestedBy: 'somebody' }, 'requestedBy'],
    ] as const) {
      const { body, status } = await post('syncs', { ...good, ...wrong });
      expect({ status, detail: body.detail }).toEqual({ status: 400, detail: expect.stringContaining(problem) });
    }
    const huge = await post('syncs', { ...good, only: 'x'.repeat(5_000_000) });
    expect(huge).toMatchObject({ status: 413, type: 'application/problem+json' });
    expect((await get('syncs')).syncs).toEqual([]);
  });
});

describe('lists', () => {
  it('are read page by page, none twice and none left out', async () => {
    const { get } = await serve();
    const syncs: string[] = [];
    for (let count = 0; count < 5; count++) {
      const policy = {
        mode: 'overwrite',
        allowShrink: false,
        dryRun: true,
        approvals: 1,
        requesterMayApprove: false,
      } as const;
      const sync = await fleet.request({ notify: [], timeouts: PATIENT, policy });
      syncs.push(sync);
      await fleet.verdict(sync);
    }
    const walk = async (path: string, list: string, name: string, key: string) => {
      const seen: string[] = [];
      let next: string | number | null = '';
      while (next !== null) {
        const page = await get(`${path}limit=2${next === '' ? '' : `&${key}=${encodeURIComponent(next)}`}`);
        expect(page[list].length).toBeLessThanOrEqual(2);
        seen.push(...page[list].map((one: Record<string, string>) => one[name]));
        next = page.next;
      }
      return seen;
    };
    expect(await walk('syncs?', 'syncs', 'sync', 'before')).toEqual(syncs.toReversed());
    const servers = ['west/primary', 'west/backup', 'west/spare', 'west/third'];
    expect(await walk('servers?', 'servers', 'server', 'after')).toEqual(servers);
    const [sync] = syncs;
    expect((await walk(`syncs/${sync}/differences?`, 'destinations', 'server', 'from')).toSorted()).toEqual(
      servers.slice(1).toSorted(),
    );
    const paths = await walk(`syncs/${sync}/differences/west/backup?`, 'operations', 'path', 'after');
    expect(paths).toEqual([
      MARKUP,
      ...Array.from({ length: 12 }, (_, index) => `drivers/${String(index).padStart(2, '0')}.drv`),
    ]);
    expect(await walk(`syncs/${sync}/receipts?`, 'receipts', 'server', 'after')).toEqual(servers);
  });

  it('hold what is sought, and refuse what cannot be', async () => {
    const { api, get, token } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    await fleet.planned(sync);
    const differences = `syncs/${sync}/differences`;
    expect((await get(`${differences}/west/backup?find=DRIVERS/0`)).operations).toHaveLength(10);
    expect((await get(`${differences}/west/backup?class=configuration&change=create`)).operations).toMatchObject([
      { path: MARKUP },
    ]);
    expect((await get(`${differences}?find=spare`)).destinations).toMatchObject([{ server: 'west/spare' }]);
    expect((await get('syncs?verdict=UNDER_WAY&server=primary')).syncs).toMatchObject([{ sync, verdict: null }]);
    expect((await get('syncs?verdict=SUCCEEDED')).syncs).toEqual([]);
    for (const [path, status] of [
      ['syncs?limit=201', 400],
      ['syncs?limit=0', 400],
      ['syncs?from=yesterday', 400],
      ['syncs?before=x', 400],
      ['servers?limit=1001', 400],
      [`${differences}/west/backup?limit=1001`, 400],
      [`${differences}/west/nobody`, 404],
      ['syncs/20260102T030405Z-0a1b2c3d', 404],
      ['syncs/..%2F..%2Ffleet', 404],
      ['servers/west/nobody', 404],
      ['servers/west/primary/receipts/..%2Fenrolment', 404],
    ] as const)
      expect((await api.ask(`/api/v1/${path}`, { token })).status, path).toBe(status);
  });

  it('come as CSV and JSON for an archive, with markup as it is and no formula', async () => {
    const { api, get, token } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT, requestedBy: '=cmd()' });
    await fleet.planned(sync);
    const csv = await api.ask('/api/v1/history?format=csv', { token });
    expect(csv.type).toBe('text/csv; charset=utf-8');
    expect(csv.text).toContain(`"'=cmd()"`);
    expect((await get('history')).syncs).toMatchObject([{ sync, requestedBy: '=cmd()' }]);
  });
});

describe('one sync', () => {
  it('gives names with markup as JSON that no browser takes for a page', async () => {
    const { api, token } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    await fleet.planned(sync);
    const { headers, text, type } = await api.ask(`/api/v1/syncs/${sync}/differences/west/backup`, { token });
    expect(JSON.parse(text).operations[0].path).toBe(MARKUP);
    expect(type).toBe('application/json');
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(headers.get('Cache-Control')).toBe('no-store');
  });

  it('is told as it goes on, to its end', async () => {
    const { api, token } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    const events = api.ask(`/api/v1/syncs/${sync}/events`, { token });
    await fleet.vote(sync, 'APPROVED');
    const { text, type } = await events;
    expect(type).toContain('text/event-stream');
    const views = [...text.matchAll(/^event: view\ndata: (.*)$/gm)].map(([, data = '']) =>
      syncViewSchema.parse(JSON.parse(data)),
    );
    expect(views.at(-1)).toMatchObject({ phase: 'done', verdict: { verdict: 'SUCCEEDED' } });
    expect(views.length).toBeGreaterThan(1);
    expect(text).toMatch(/event: done\ndata: \n/);
  });

  it('is told once where the platform holds answers, and when to ask again', async () => {
    const { api, token } = await serve({ holdsAnswers: true });
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    await fleet.planned(sync);
    const { text } = await api.ask(`/api/v1/syncs/${sync}/events`, { token });
    expect(text.match(/^event: /gm)).toHaveLength(1);
    expect(text).toMatch(/^retry: \d+$/m);
  });

  it('is stopped, and cannot be stopped once it has ended', async () => {
    const { api, get, post } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    await fleet.planned(sync);
    expect((await post(`syncs/${sync}/cancel`, {})).status).toBe(200);
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'FAILED', detail: 'the sync was cancelled' });
    expect(await get(`syncs/${sync}`)).toMatchObject({ phase: 'done', cancelled: true });
    expect((await post(`syncs/${sync}/cancel`, {})).status).toBe(409);
    expect((await post('syncs/20260102T030405Z-0a1b2c3d/cancel', {})).status).toBe(404);
    expect(api.logged).toContainEqual(
      expect.objectContaining({ event: 'sync-stopped', sync, person: 'operator', via: 'api' }),
    );
  });

  it('whose documents cannot be believed says so, and not what they are', async () => {
    const { api, token } = await serve();
    const sync = await fleet.request({ notify: [], timeouts: PATIENT });
    await fleet.planned(sync);
    await fleet.end();
    await fleet.store.put(keys.plan(sync), Buffer.from('{"secret":1}'));
    const answer = await api.ask(`/api/v1/approvals/${sync}`, { token });
    expect(answer).toMatchObject({ status: 502, type: 'application/problem+json' });
  });
});
