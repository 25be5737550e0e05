import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type Browser, ConsoleUnderTest, formsOf } from './browser.ts';

const BACKUP = serverIdSchema.parse('west/backup');
let fleet: FakeFleet;
let underTest: ConsoleUnderTest;
let operator: Browser;

beforeEach(async () => {
  fleet = new FakeFleet();
  await fleet.add('west/primary', [file('a.cfg', 'new')]);
  await fleet.add('west/backup', [file('a.cfg', 'old')]);
  const { signer, store } = fleet;
  underTest = new ConsoleUnderTest({ store, controlKey: signer.publicKey, executions: new StoreExecutions(store) });
  operator = underTest.signIn('operator');
});

afterEach(() => fleet.end());

async function ended(wish: Parameters<FakeFleet['request']>[0] = {}): Promise<SyncId> {
  await fleet.start();
  const sync = await fleet.request(wish);
  await fleet.vote(sync, 'APPROVED', '<b>approver</b>');
  await fleet.verdict(sync);
  return sync;
}

async function waiting(): Promise<SyncId> {
  await fleet.start();
  const sync = await fleet.request();
  await fleet.until(async () => (await fleet.store.head(keys.approvalRequested(sync))) !== undefined);
  return sync;
}

async function formKeyOf(browser: Browser): Promise<string> {
  const forms = formsOf((await browser.get('/help')).text);
  return forms.find(({ action }) => action === '/leave')?.fields.formKey ?? '';
}

function bars(markup: string): number {
  return markup.match(/<svg class="bar" aria-hidden="true" focusable="false" width="100%"/g)?.length ?? 0;
}

function saidIn(markup: string, section: string): string {
  const [, inside = ''] = new RegExp(`<section aria-labelledby="${section}">(.*?)</section>`, 's').exec(markup) ?? [];
  return inside
    .replace(/<svg.*?<\/svg>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

describe('the timing of a sync', () => {
  it('says beside each bar what it shows', async () => {
    const { text } = await operator.get(`/syncs/${await ended()}`);
    const said = saidIn(text, 'timing');
    for (const row of [
      /Inventory .* s 2 servers/,
      /Planning .* s/,
      /Approval .* s 1 approval needed/,
      /Applying .* s 1 destination/,
    ])
      expect(said).toMatch(row);
    expect(said).toMatch(/Wave 1 \S+ s 1 destination/);
    expect(said).toMatch(/west\/backup \S+ s succeeded/);
    expect(bars(text)).toBe(6);
  });

  it.each([
    ['a server', new Date()],
    ['the console', new Date(0)],
  ])('draws no share outside its scale, whatever the clock of %s says', async (_, now) => {
    // The fake agents live in January.
    const { signer, store } = fleet;
    const agent = await fleet.add('east/backup', [file('a.cfg', 'old')]);
    agent.misbehaviour = 'never-ends';
    await fleet.start();
    const sync = await fleet.request({ waveSize: 1 });
    await fleet.vote(sync, 'APPROVED');
    await fleet.until(() => store.head(keys.waveItems(sync, 1)).then((found) => found !== undefined));
    const elsewhere = new ConsoleUnderTest({ store, controlKey: signer.publicKey, now: () => now });
    const { text } = await elsewhere.signIn('viewer').get(`/syncs/${sync}`);
    const drawn = [...text.matchAll(/<rect class="\w+" x="([-\d.]+)%" width="([-\d.]+)%" y="4"/g)];
    expect(drawn.length).toBeGreaterThan(5);
    for (const [, x, width] of drawn) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(width)).toBeGreaterThanOrEqual(0);
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(100.01);
    }
  });

  it('draws a few dozen bars of any number of waves and destinations, and says how many it leaves out', async () => {
    for (let index = 0; index < 60; index++) await fleet.add(`line/tm${index}`, [file('a.cfg', 'old')]);
    const { text } = await operator.get(`/syncs/${await ended({ waveSize: 1 })}`);
    expect(bars(text)).toBeLessThanOrEqual(50);
    expect(bars(text)).toBeGreaterThan(30);
    expect(saidIn(text, 'timing')).toContain('Waves 1 to 3');
    expect(saidIn(text, 'timing')).toContain('41 more destinations are not drawn');
    expect(saidIn(text, 'timing')).toContain('61 destinations in waves of 1');
  });

  it('shows what is under way up to now', async () => {
    const { text } = await operator.get(`/syncs/${await waiting()}`);
    expect(saidIn(text, 'timing')).toMatch(/Approval \S+ s so far, 1 approval needed/);
    expect(text).not.toContain('Waves and destinations');
  });
});

describe('what happened in a sync', () => {
  it('is told from the request to the verdict, with who voted and how', async () => {
    const said = saidIn((await operator.get(`/syncs/${await ended()}`)).text, 'events');
    const order = [
      'Asked for by requester',
      'Inventories signed',
      'made and signed',
      'Approval asked for, 1 mail',
      '&lt;b&gt;approver&lt;/b&gt; approved it (test)',
      'Wave 1 began: 1 destination',
      'west/backup signed its receipt: succeeded',
      'The verdict: succeeded',
    ];
    const places = order.map((words) => said.indexOf(words));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
  });

  it('names the wave in which it was halted', async () => {
    for (const id of ['east/one', 'east/two']) await fleet.add(id, [file('a.cfg', 'old')]);
    const agent = fleet.agents.get('west/backup');
    if (agent !== undefined) agent.misbehaviour = 'refuses';
    const { text } = await operator.get(`/syncs/${await ended({ waveSize: 1 })}`);
    expect(saidIn(text, 'events')).toContain('Halted in wave 1: 1 destination ended badly, the error budget is 0');
    expect(saidIn(text, 'timing')).toContain('halted here');
    expect(text).toContain('not attempted');
  });
});

describe('the receipts of a sync', () => {
  it('are downloaded byte for byte, one by one and all together', async () => {
    const sync = await ended();
    const { text } = await operator.get(`/syncs/${sync}`);
    const path = `/servers/west/backup/receipts/${orderId(sync, 'apply', BACKUP)}`;
    expect(text).toContain(`href="${path}"`);
    const stored = await fleet.store.get(keys.receipt(BACKUP, orderId(sync, 'apply', BACKUP)));
    const bytes = Buffer.from(stored?.body ?? '').toString();
    expect((await operator.get(path)).text).toBe(bytes);
    const all = await operator.get(`/syncs/${sync}/receipts.ndjson`);
    expect(all.text).toBe(`${bytes}\n`);
    expect(all.headers.get('Content-Disposition')).toBe(`attachment; filename="receipts-${sync}.ndjson"`);
    for (const command of ['lockstep history west/backup', 'lockstep verify west/backup', `lockstep rollback ${sync}`])
      expect(text).toContain(`<code>${command}</code>`);
  });

  it('leave out what was put in the place of one in another form', async () => {
    const sync = await ended();
    await fleet.store.put(keys.receipt(BACKUP, orderId(sync, 'apply', BACKUP)), Buffer.from('{}\n{"forged":true}'));
    expect((await operator.get(`/syncs/${sync}/receipts.ndjson`)).text).toBe('');
  });

  it('are not there before the end', async () => {
    expect((await operator.get(`/syncs/${await waiting()}/receipts.ndjson`)).status).toBe(404);
  });
});

describe('stopping a sync', () => {
  async function stop(sync: SyncId, browser = operator) {
    return await browser.post(`/syncs/${sync}/stop`, { formKey: await formKeyOf(browser) });
  }

  it('takes an operator and his form, and is told with his name', async () => {
    const sync = await waiting();
    expect((await operator.post(`/syncs/${sync}/stop`, {})).status).toBe(403);
    expect((await stop(sync, underTest.signIn('viewer', ['viewer', 'approver']))).status).toBe(403);
    expect(await fleet.store.head(keys.cancelled(sync))).toBeUndefined();
    const [form] = formsOf((await operator.get(`/syncs/${sync}`)).text).filter(({ action }) =>
      action.endsWith('/stop'),
    );
    expect(form).toEqual({ action: `/syncs/${sync}/stop`, method: 'post', fields: { formKey: expect.any(String) } });
    expect((await stop(sync)).headers.get('Location')).toBe(`/syncs/${sync}`);
    await fleet.verdict(sync);
    const { text } = await operator.get(`/syncs/${sync}`);
    expect(saidIn(text, 'events')).toContain('Stopped by operator');
    expect(text).not.toContain('Stop this sync');
  });

  it('says that there is nothing to stop once it has ended', async () => {
    const sync = await waiting();
    await fleet.vote(sync, 'REJECTED');
    await fleet.verdict(sync);
    const answer = await stop(sync);
    expect(answer.status).toBe(409);
    expect(answer.text).toContain('This sync has ended');
    expect(await fleet.store.head(keys.cancelled(sync))).toBeUndefined();
  });

  it('writes nothing about a sync that there is not', async () => {
    const answer = await stop(syncIdSchema.parse('20260102T030405Z-0a1b2c3d'));
    expect(answer.status).toBe(404);
    expect((await Array.fromAsync(fleet.store.list(keys.syncs()))).length).toBe(0);
  });
});
