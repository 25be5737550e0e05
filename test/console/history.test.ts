import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { createSyncId, SYNC_FORMAT, type SyncId, type SyncRequest } from '#core/sync.ts';
import { type SyncVerdict, VERDICT_FORMAT } from '#core/verdict.ts';
import { POLICY, server } from '#test/core/samples.ts';
import { type Browser, ConsoleUnderTest } from './browser.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
let store: MemoryStore;
let viewer: Browser;

beforeEach(() => {
  store = new MemoryStore();
  viewer = new ConsoleUnderTest({ store, controlKey: 'none' }).signIn('viewer', ['viewer']);
});

let random = 0;

async function asked(at: string, request: Partial<SyncRequest> = {}, verdict?: Partial<SyncVerdict>): Promise<SyncId> {
  const sync = createSyncId(new Date(at), (++random).toString(16).padStart(5, '0'));
  const source = server('west/primary');
  const whole: SyncRequest = {
    ...{ format: SYNC_FORMAT, sync, requestedBy: 'approver', requestedAt: new Date(at).toISOString(), source },
    ...{ destinations: [server('east/one')], policy: POLICY, waveSize: 1, errorBudget: 0, notify: [] },
    timeouts: { offlineSeconds: 1, inventorySeconds: 1, applySeconds: 1, approvalSeconds: 1 },
    ...request,
  };
  await store.put(keys.request(sync), encodeDocument(whole));
  if (verdict !== undefined) {
    const ended: SyncVerdict = {
      ...{ format: VERDICT_FORMAT, sync, verdict: 'SUCCEEDED', plan: null, mode: 'overwrite', destinations: [] },
      source: { server: source, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 },
      ...{ startedAt: whole.requestedAt, finishedAt: whole.requestedAt },
      ...verdict,
    };
    await store.put(keys.verdict(sync), encodeDocument(ended));
  }
  return sync;
}

/** In the order of the page. */
async function shown(query = ''): Promise<string[]> {
  const { status, text } = await viewer.get(`/history${query}`);
  expect(status).toBe(200);
  return [...text.matchAll(/<a href="\/syncs\/([^"]+)">/g)].map(([, sync = '']) => sync);
}

describe('the history', () => {
  it('shows the newest first, and what is under way', async () => {
    const older = await asked('2026-03-01T10:00:00Z', {}, { verdict: 'HALTED' });
    const newer = await asked('2026-03-02T10:00:00Z');
    expect(await shown()).toEqual([newer, older]);
    const { text } = await viewer.get('/history');
    expect(text).toContain('under way');
    expect(text).toContain('halted');
  });

  it('finds by server, result and day', async () => {
    const first = await asked('2026-03-01T23:59:59Z', {}, {});
    const second = await asked('2026-03-02T00:00:00Z', { destinations: [server('north/two')] }, { verdict: 'FAILED' });
    const third = await asked('2026-03-03T00:00:00Z');
    expect(await shown('?server=NORTH')).toEqual([second]);
    expect(await shown('?server=west/primary')).toEqual([third, second, first]);
    expect(await shown('?verdict=SUCCEEDED')).toEqual([first]);
    expect(await shown('?verdict=UNDER_WAY')).toEqual([third]);
    expect(await shown('?from=2026-03-02')).toEqual([third, second]);
    expect(await shown('?to=2026-03-02')).toEqual([second, first]);
    expect(await shown('?from=2026-03-02&to=2026-03-02&verdict=FAILED&server=two')).toEqual([second]);
    expect(await shown('?verdict=HALTED')).toEqual([]);
  });

  it('leads from page to page through all, each once', async () => {
    const all: SyncId[] = [];
    for (let index = 0; index < 120; index++)
      all.unshift(await asked(new Date(1_772_000_000_000 + index * 60_000).toISOString()));
    const seen: string[] = [];
    for (let next: string | undefined = ''; next !== undefined; ) {
      seen.push(...(await shown(next)));
      const { text } = await viewer.get(`/history${next}`);
      next = /<a href="\/history(\?[^"]*)" rel="next"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
    }
    expect(seen).toEqual(all);
  });

  it.each(['?from=yesterday', '?verdict=FINE', '?before=x', `?to=${encodeURIComponent(MARKUP)}`])(
    'refuses %s, in words',
    async (query) => {
      const { status, text } = await viewer.get(`/history${query}`);
      expect(status).toBe(400);
      expect(text).not.toContain('<img');
    },
  );

  it('says what to do first, and where there is nothing because of a filter', async () => {
    expect((await viewer.get('/history')).text).toContain('Nothing was synchronized yet');
    await asked('2026-03-01T10:00:00Z');
    expect((await viewer.get('/history?server=none')).text).toContain('No sync fits these filters');
  });

  it('escapes what people are called and what they looked for', async () => {
    await asked('2026-03-01T10:00:00Z', { requestedBy: MARKUP });
    const { text } = await viewer.get('/history');
    expect(text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(text).not.toContain('<img');
    expect((await viewer.get(`/history?server=${encodeURIComponent(`">${MARKUP}`)}`)).text).not.toContain('<img');
  });
});

describe('the export', () => {
  it.each(['=', '+', '-', '@', '\t=', '\r='])('lets no spreadsheet run what begins with %j', async (sign) => {
    await asked('2026-03-01T10:00:00Z', { requestedBy: `${sign}cmd|'x'!A1`, source: server('west/primary') });
    const { headers, text } = await viewer.get('/history/export.csv');
    expect(headers.get('Content-Disposition')).toBe('attachment; filename="lockstep-history.csv"');
    expect(headers.get('Content-Type')).toContain('text/csv');
    expect(text).toContain(`,"'${sign}cmd|'x'!A1",`);
  });

  it('keeps quotes, commas and line ends of a cell in it', async () => {
    await asked('2026-03-01T10:00:00Z', {}, { detail: 'said "no",\nand left' });
    const { text } = await viewer.get('/history/export.csv');
    expect(text).toContain(',"said ""no"",\nand left",');
    expect(text.split('\r\n')).toHaveLength(3);
  });

  it('has what the filters find, as JSON too', async () => {
    const sync = await asked('2026-03-01T10:00:00Z', {}, { verdict: 'HALTED' });
    await asked('2026-03-02T10:00:00Z');
    const { headers, text } = await viewer.get('/history/export.json?verdict=HALTED');
    expect(headers.get('Content-Disposition')).toContain('lockstep-history.json');
    expect(JSON.parse(text)).toMatchObject({ syncs: [{ sync, verdict: 'HALTED', requestedBy: 'approver' }] });
    expect((await viewer.get('/history/export.csv?verdict=HALTED')).text.trim().split('\r\n')).toHaveLength(2);
  });
});
