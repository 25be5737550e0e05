import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { auditSchema } from '#core/audit.ts';
import { parseDocument } from '#core/documents.ts';
import { StorePermanent } from '#core/errors.ts';
import { Budget } from '#functions/console/budget.ts';
import type { ConsoleContext } from '#functions/console/console-parts.ts';
import { RATE_LIMITS } from '#functions/console/rate-limits.ts';
import { type Browser, CONSOLE, ConsoleUnderTest } from './browser.ts';

const MINUTE = { points: 3, seconds: 60 };
const AMPLE = { points: 1000, seconds: 60 };

let store: MemoryStore;
let underTest: ConsoleUnderTest;

beforeEach(() => {
  store = new MemoryStore();
  underTest = createConsole({});
});

/** A test says in a header where a request comes from. */
function createConsole(limits: Partial<typeof RATE_LIMITS>): ConsoleUnderTest {
  const addressOf = ({ req }: ConsoleContext) => req.header('From-Address');
  const rateLimits = { strangers: AMPLE, reads: AMPLE, changes: AMPLE, ...limits };
  return new ConsoleUnderTest({ store, controlKey: '', addressOf, rateLimits });
}

async function statuses(times: number, ask: () => Promise<{ readonly status: number }>): Promise<number[]> {
  const all: number[] = [];
  for (let time = 0; time < times; time++) all.push((await ask()).status);
  return all;
}

const from = (address: string, more: Readonly<Record<string, string>> = {}) => ({
  headers: { 'From-Address': address, ...more },
});

describe('a program that asks without end', () => {
  it('is told when to come back, while the others of its office who are signed in notice nothing', async () => {
    underTest = createConsole({ strangers: MINUTE });
    const ask = async () => await underTest.stranger().get('/history', from('192.0.2.1'));
    expect(await statuses(5, ask)).toEqual([401, 401, 401, 429, 429]);
    const { headers, text } = await ask();
    expect(Number(headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(Number(headers.get('Retry-After'))).toBeLessThanOrEqual(60);
    expect(text).toContain('Too many requests');
    expect((await underTest.signIn('ann').get('/help', from('192.0.2.1'))).status).toBe(200);
    expect((await underTest.stranger().get('/history', from('192.0.2.2'))).status).toBe(401);
  });

  it('does not get further with the many addresses that one subscriber to IPv6 has', async () => {
    underTest = createConsole({ strangers: MINUTE });
    let last = 0;
    const ask = async () => await underTest.stranger().get('/', from(`2001:db8:0:1::${(++last).toString(16)}`));
    expect(await statuses(4, ask)).toEqual([401, 401, 401, 429]);
    expect((await underTest.stranger().get('/', from('2001:db8:0:2::1'))).status).toBe(401);
  });

  it('is stopped in all browsers of one person, and nobody else is', async () => {
    underTest = createConsole({ reads: MINUTE });
    const browsers = [underTest.signIn('ann'), underTest.signIn('ann')];
    const ask = async () => await (browsers.reverse()[0] as Browser).get('/help');
    expect(await statuses(4, ask)).toEqual([200, 200, 200, 429]);
    expect((await underTest.signIn('bert').get('/help')).status).toBe(200);
  });

  it('is stopped sooner where it would change something', async () => {
    underTest = createConsole({ changes: MINUTE });
    const ann = underTest.signIn('ann');
    expect(await statuses(4, async () => await ann.post('/synchronize', {}))).toEqual([403, 403, 403, 429]);
    expect((await ann.get('/help')).status).toBe(200);
  });

  it('is answered as programs are when it asks the API', async () => {
    underTest = createConsole({ reads: MINUTE, strangers: MINUTE });
    const ask = async (token: string) =>
      await underTest.stranger().get('/api/v1/me', from('192.0.2.1', { Authorization: `Bearer ${token}` }));
    let last = 0;
    expect(await statuses(4, async () => await ask(`guess-${++last}`))).toEqual([401, 401, 401, 429]);
    const { headers, text } = await ask('another');
    expect([headers.get('Content-Type'), JSON.parse(text).status]).toEqual(['application/problem+json', 429]);
    // A browser of the same office that is signed in goes on.
    expect((await underTest.signIn('ann').get('/api/v1/me', from('192.0.2.1'))).status).toBe(200);
  });

  it('is not fifty browsers of one office that sign in, and ask every three seconds', () => {
    expect(RATE_LIMITS.strangers.points).toBeGreaterThanOrEqual(50 * 4);
    expect(RATE_LIMITS.reads.points).toBeGreaterThanOrEqual(50 * 20);
  });
});

it('a budget has as many purses as it has, whoever spends', async () => {
  const budget = new Budget({ points: 2, seconds: 60 });
  let spent = 0;
  for (let who = 0; who < 100_000; who++) if ((await budget.spend(`somebody ${who}`)) !== undefined) spent++;
  // Sixteen thousand purses hold two each.
  expect(100_000 - spent).toBeLessThanOrEqual(2 * 16_384);
});

describe('under another name', () => {
  it.each(['evil.example.org', 'lockstep.example.org.evil.example.org', 'lockstep.example.org:8443', '127.0.0.1'])(
    'the console answers nothing: %s',
    async (host) => {
      for (const path of ['/', '/help', '/enter/x', '/api/v1/me', '/assets/console.css']) {
        const { status, text } = await underTest.signIn('ann').get(path, { headers: { Host: host } });
        expect([status, text]).toEqual([421, expect.stringContaining(CONSOLE)]);
      }
    },
  );

  it('no form is taken, whatever the request says that it came by', async () => {
    const headers = { Origin: 'https://evil.example.org', 'X-Forwarded-Host': 'evil.example.org' };
    expect((await underTest.signIn('ann').post('/synchronize', {}, headers)).status).toBe(403);
  });

  it('its own is known in whatever case', async () => {
    const { status } = await underTest.signIn('ann').get('/help', { headers: { Host: 'LOCKSTEP.example.org' } });
    expect(status).toBe(200);
  });
});

describe('the audit', () => {
  async function audited() {
    const records = [];
    for await (const { key } of store.list('audit/')) {
      const { body = new Uint8Array() } = (await store.get(key)) ?? {};
      records.push({ key, ...parseDocument(key, auditSchema, body) });
    }
    return records;
  }

  it('holds what a person was not let do, by day and time, and where it came from', async () => {
    await underTest.signIn('ann').post('/synchronize', {}, { Origin: CONSOLE, 'From-Address': '192.0.2.1' });
    const [record, ...more] = await audited();
    expect(more).toEqual([]);
    expect(record).toMatchObject({ event: 'refused', person: 'ann', path: '/synchronize', address: '192.0.2.1' });
    const [day = '', time = ''] = (record?.at ?? '').split('T');
    expect(record?.key).toMatch(new RegExp(`^audit/${day}/${time.replace(/\D/g, '')}-[0-9a-f]{12}\\.json$`));
  });

  it('is not filled by nobody: what strangers send is logged only', async () => {
    for (let times = 0; times < 5; times++) await underTest.stranger().post('/approvals/x', {});
    expect(await audited()).toEqual([]);
    expect(underTest.logged.map(({ event, person }) => [event, person])).toEqual(
      Array.from({ length: 5 }, () => ['decision-refused', null]),
    );
  });

  it('is not filled by one person: beyond two hundred in an hour his refusals are logged only', async () => {
    const ann = underTest.signIn('ann');
    for (let times = 0; times < 210; times++) await ann.post('/approvals/x', {});
    expect(await audited()).toHaveLength(200);
    expect(underTest.logged).toHaveLength(210);
    await underTest.signIn('bert').post('/approvals/x', {});
    expect((await audited()).filter(({ person }) => person === 'bert')).toHaveLength(1);
  });

  it('says in the log what a store that fails has not kept, and changes no answer', async () => {
    store.create = async (key) => {
      throw new StorePermanent(key, 'no permission');
    };
    const { status } = await underTest.signIn('ann').post('/synchronize', {});
    expect(status).toBe(403);
    expect(underTest.logged.at(-1)).toMatchObject({
      event: 'audit-not-kept',
      entry: expect.stringContaining('"person":"ann"'),
      problem: expect.stringContaining('no permission'),
    });
  });
});
