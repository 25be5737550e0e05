import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shortCode } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import { findDecision } from '#functions/approval/cast-vote.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { StoreWithRival } from '#test/support/store-with-rival.ts';
import { type Browser, ConsoleUnderTest, formsOf } from './browser.ts';

const POLICY = {
  mode: 'overwrite',
  allowShrink: false,
  dryRun: false,
  approvals: 1,
  requesterMayApprove: false,
} as const;
const MARKUP = '<script>alert("1")</script>&<img src=x>';

let store: StoreWithRival;
let planned: PlannedFleet;
let underTest: ConsoleUnderTest;

beforeEach(async () => {
  store = new StoreWithRival();
  planned = await planFleet(1, {}, store);
  underTest = new ConsoleUnderTest({ store, controlKey: planned.dependencies.signer.publicKey });
});

afterEach(() => planned.fleet.end());

async function codeOf(sync: SyncId): Promise<string> {
  return shortCode((await requirePlan(store, sync, planned.dependencies.signer.publicKey)).digest);
}

async function vote(browser: Browser, decision: 'APPROVED' | 'REJECTED', more: Record<string, string> = {}) {
  const { sync } = planned;
  return await browser.follow(
    await browser.submit(`/approvals/${sync}`, { decision, code: await codeOf(sync), ...more }),
  );
}

describe('the page of approvals', () => {
  it('lists what waits, the newest first, with all that one has to know to choose', async () => {
    await planned.fleet.start();
    const newer = await planned.fleet.request({ requestedBy: 'somebody else' });
    await planned.fleet.planned(newer);
    const plan = await requirePlan(store, planned.sync, planned.dependencies.signer.publicKey);
    const { status, text } = await underTest.signIn('viewer', ['viewer']).get('/approvals');
    expect(status).toBe(200);
    expect(text.indexOf(`/approvals/${newer}`)).toBeLessThan(text.indexOf(`/approvals/${planned.sync}`));
    for (const shown of ['requester', 'somebody else', 'plant-a/source', 'plant-a/tm1', '0 of 1', plan.expiresAt])
      expect(text).toContain(shown);
    expect(text).toContain('Nothing has been decided yet');
  });

  it('lists what was decided lately, by whom and when', async () => {
    const { decision } = await planned.fleet.vote(planned.sync, 'REJECTED', 'approver');
    const { text } = await underTest.signIn('viewer', ['viewer']).get('/approvals');
    expect(text).toContain('No plan waits');
    expect(text).toMatch(
      new RegExp(`/approvals/${planned.sync}.*requester.*rejected.*approver.*${decision?.votes[0]?.at}`, 's'),
    );
  });
});

describe('the page of one approval', () => {
  it('shows the plan, and deciding takes the role', async () => {
    const path = `/approvals/${planned.sync}`;
    const { text } = await underTest.signIn('viewer', ['viewer']).get(path);
    for (const shown of [
      'plant-a/source',
      'plant-a/tm1',
      'configuration',
      await codeOf(planned.sync),
      'a.cfg',
      'overwritten',
    ])
      expect(text).toContain(shown);
    expect(text).toContain('takes the role approver');
    expect(text).not.toContain(`action="${path}"`);
  });

  it('approves what is named by its short code, and says so', async () => {
    const code = (await codeOf(planned.sync)).toUpperCase().replace('-', ' ');
    const { status, text } = await vote(underTest.signIn('approver'), 'APPROVED', {
      code,
      comment: ' after the shift ',
    });
    expect(status).toBe(200);
    expect(text).toContain('You have approved plan');
    expect(text).toContain('the destinations are written now');
    const { plan, votes } = (await findDecision({ store }, planned.sync)) ?? {};
    expect(votes).toMatchObject([{ by: 'approver', via: 'console', decision: 'APPROVED', comment: 'after the shift' }]);
    const entry = {
      event: 'decision',
      person: 'approver',
      sync: planned.sync,
      plan,
      vote: 'APPROVED',
      decided: 'APPROVED',
    };
    expect(underTest.logged).toEqual([{ ...entry, via: 'console' }]);
  });

  it('answers with the way to a page that says what was recorded, and that may be loaded again', async () => {
    const [browser, path] = [underTest.signIn('approver'), `/approvals/${planned.sync}`];
    const code = await codeOf(planned.sync);
    const { headers, status } = await browser.submit(path, { code, decision: 'APPROVED' });
    expect([status, headers.get('Location')]).toEqual([303, path]);
    for (let load = 0; load < 2; load++) {
      const { status: shown, text } = await browser.get(path);
      expect(shown).toBe(200);
      expect(text).toContain('You have approved plan');
      expect(formsOf(text).map(({ action }) => action)).not.toContain(path);
    }
    expect(underTest.logged.filter(({ event }) => event === 'decision')).toHaveLength(1);
  });

  it('rejects, and tells everybody who looks later who it was, when, and how', async () => {
    await vote(underTest.signIn('approver'), 'REJECTED', { comment: MARKUP });
    const { text } = await underTest.signIn('bert').get(`/approvals/${planned.sync}`);
    const { votes } = (await findDecision({ store }, planned.sync)) ?? {};
    expect(text).toMatch(new RegExp(`rejected.*approver.*${votes?.[0]?.at}.*nothing is left to decide`, 's'));
    expect(text).not.toContain('name="code"');
    expect(text).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&lt;img src=x&gt;');
    expect(text).not.toContain('<img');
  });

  it('tells the second of two clicks who has decided, and when', async () => {
    const browser = underTest.signIn('approver');
    const form = { formKey: /name="formKey" value="([^"]*)"/.exec((await browser.get('/approvals')).text)?.[1] ?? '' };
    const plan = await planned.fleet.planned(planned.sync);
    await vote(browser, 'APPROVED');
    const fields = { ...form, plan, code: await codeOf(planned.sync), decision: 'REJECTED' };
    const { status, text } = await browser.post(`/approvals/${planned.sync}`, fields);
    const { votes } = (await findDecision({ store }, planned.sync)) ?? {};
    expect(status).toBe(409);
    expect(text).toContain(`was approved already, by approver at ${votes?.[0]?.at}`);
  });

  it('tells the slower of two who decide at once that the other was first', async () => {
    store.rival = () => planned.fleet.vote(planned.sync, 'REJECTED', 'bert');
    const { status, text } = await vote(underTest.signIn('approver'), 'APPROVED');
    expect(status).toBe(409);
    expect(text).toMatch(/somebody else was first: this sync was rejected, by bert at 20/);
    expect(underTest.logged).toMatchObject([{ event: 'decision-refused', person: 'approver', status: 409 }]);
    expect((await findDecision({ store }, planned.sync))?.decision).toBe('REJECTED');
  });

  it.each([
    ['another short code', { code: '0000-0000' }, 'is not that of the plan on the page'],
    ['no decision', { decision: '' }, 'Choose whether to approve or to reject'],
    ['a comment without end', { comment: 'x'.repeat(1001) }, 'longer than 1,000 characters'],
    ['a number that is none', { removals: '-1' }, 'The number of removals is no number'],
  ])('refuses %s, and says what to do', async (_, wrong, words) => {
    const { status, text } = await vote(underTest.signIn('approver'), 'APPROVED', wrong);
    expect(status).toBe(409);
    expect(text).toContain(words);
    expect(text).toContain(`href="/approvals/${planned.sync}"`);
    expect(await findDecision({ store }, planned.sync)).toBeUndefined();
    expect(underTest.logged).toMatchObject([{ event: 'decision-refused', person: 'approver', sync: planned.sync }]);
  });

  it('says that nobody decided in time', async () => {
    const later = {
      store,
      controlKey: planned.dependencies.signer.publicKey,
      now: () => new Date('2999-01-01T00:00:00Z'),
    };
    const { text } = await new ConsoleUnderTest(later).signIn('approver').get(`/approvals/${planned.sync}`);
    expect(text).toContain('nobody decided in time');
    expect(text).not.toContain('name="code"');
  });

  it('says that there is no such sync', async () => {
    const { status, text } = await underTest.signIn('approver').get('/approvals/20260102T030405Z-0a1b2c3d');
    expect([status, text]).toEqual([400, expect.stringContaining('there is no sync')]);
  });
});

describe('a plan that needs two approvals', () => {
  beforeEach(async () => {
    await planned.fleet.end();
    store = new StoreWithRival();
    planned = await planFleet(1, { policy: { ...POLICY, approvals: 2 } }, store);
    underTest = new ConsoleUnderTest({ store, controlKey: planned.dependencies.signer.publicKey });
  });

  it('says after the first that it needs another, and who has voted', async () => {
    const first = await vote(underTest.signIn('approver'), 'APPROVED');
    expect(first.text).toContain('More people have to approve it');
    const { text } = await underTest.signIn('bert').get(`/approvals/${planned.sync}`);
    expect(text).toContain('1 of the 2 needed, by different people');
    expect(text).toContain('<td>approver</td>');
    const second = await vote(underTest.signIn('bert'), 'APPROVED');
    expect(second.text).toContain('That was all it needed');
    expect(underTest.logged).toMatchObject([
      { event: 'decision', person: 'approver', decided: null },
      { event: 'decision', person: 'bert', decided: 'APPROVED' },
    ]);
  });

  it('tells whoever votes again, from another tab, what he said and when', async () => {
    const browser = underTest.signIn('approver');
    const tab = formsOf((await browser.get(`/approvals/${planned.sync}`)).text).at(-1);
    await vote(browser, 'APPROVED');
    const answer = await browser.post(`/approvals/${planned.sync}`, {
      ...tab?.fields,
      code: await codeOf(planned.sync),
      decision: 'REJECTED',
    });
    expect([answer.status, answer.text]).toEqual([
      409,
      expect.stringMatching(/approver has voted on sync \S+ before \(approved, at 20[^)]+\), and a vote cannot be/),
    ]);
  });

  it('shows whoever has voted no second form', async () => {
    const browser = underTest.signIn('approver');
    await vote(browser, 'APPROVED');
    const { text } = await browser.get(`/approvals/${planned.sync}`);
    expect(text).toContain('a vote cannot be changed');
    expect(text).not.toContain('name="code"');
  });
});

describe('a plan that certain people have to approve', () => {
  beforeEach(async () => {
    await planned.fleet.end();
    store = new StoreWithRival();
    const approvers = { people: ['manager'], groups: { 'shift <leads>': ['bert'] } };
    planned = await planFleet(1, { policy: { ...POLICY, approvers, signInInsteadOfCode: true } }, store);
    underTest = new ConsoleUnderTest({ store, controlKey: planned.dependencies.signer.publicKey });
  });

  const VIEWER = ['viewer', 'operator', 'approver'] as const;
  const known = (person: string, ...groups: string[]) => underTest.signIn(person, VIEWER, { method: 'oidc', groups });

  it('says who may, and shows nobody else a form', async () => {
    const { text } = await underTest.signIn('outsider').get(`/approvals/${planned.sync}`);
    expect(text).toContain('your word on it does not count');
    expect(text).toContain('manager or a member of shift &lt;leads&gt;');
    expect(formsOf(text).map(({ action }) => action)).not.toContain(`/approvals/${planned.sync}`);
  });

  it('is decided by a member: by the list who came by the link, by its own word whom a provider knows', async () => {
    const byList = await underTest.signIn('bert').get(`/approvals/${planned.sync}`);
    expect(byList.text).toContain('Record my decision');
    expect((await known('bert').get(`/approvals/${planned.sync}`)).text).toContain('your word on it does not count');
    const { text } = await vote(known('deputy', 'shift <leads>', 'others'), 'APPROVED');
    expect(text).toContain('You have approved plan');
    const { votes } = (await findDecision({ store }, planned.sync)) ?? {};
    expect(votes).toMatchObject([{ by: 'deputy', groups: ['shift <leads>'] }]);
  });

  it('is decided by nobody else, whatever form he sends', async () => {
    const [form] = formsOf((await known('manager').get(`/approvals/${planned.sync}`)).text).slice(-1);
    const outsider = known('outsider', 'visitors');
    const [own] = formsOf((await outsider.get('/approvals')).text);
    const fields = { ...form?.fields, formKey: own?.fields.formKey ?? '', decision: 'REJECTED' };
    const { status, text } = await outsider.post(`/approvals/${planned.sync}`, fields);
    expect([status, text]).toEqual([409, expect.stringContaining('outsider is none of those whose word counts')]);
    expect(await findDecision({ store }, planned.sync)).toBeUndefined();
  });

  it('takes the sign-in of a provider instead of the code, and nothing else instead of it', async () => {
    const path = `/approvals/${planned.sync}`;
    const browser = known('manager');
    expect((await browser.get(path)).text).not.toContain('name="code"');
    const byLink = await underTest.signIn('manager').submit(path, { decision: 'APPROVED' });
    expect([byLink.status, byLink.text]).toEqual([409, expect.stringContaining('short code of the plan is missing')]);
    expect(await findDecision({ store }, planned.sync)).toBeUndefined();
    expect((await browser.submit(path, { decision: 'APPROVED' })).status).toBe(303);
    expect((await findDecision({ store }, planned.sync))?.votes).toMatchObject([{ by: 'manager', withoutCode: true }]);
  });

  it('is decided by no program that sends the form of such a person as it is', async () => {
    const browser = known('manager');
    for (const { action, fields } of formsOf((await browser.get(`/approvals/${planned.sync}`)).text))
      await browser.post(action, fields);
    expect(await findDecision({ store }, planned.sync)).toBeUndefined();
  });
});

describe('a plan with markup in its names that removes a large share', () => {
  let sync: SyncId;

  beforeEach(async () => {
    await planned.fleet.end();
    store = new StoreWithRival();
    const fleet = new FakeFleet(store);
    planned = { ...planned, fleet, dependencies: { ...planned.dependencies, signer: fleet.signer } };
    const many = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => file(`${prefix}${index}.cfg`, `${index}`));
    await fleet.add('plant-a/source', many('kept', 80));
    await fleet.add('plant-a/tm1', [...many('kept', 80), ...many('<b>gone&', 20)]);
    await fleet.start();
    sync = await fleet.request({ policy: { ...POLICY, mode: 'mirror' }, requestedBy: MARKUP });
    await fleet.planned(sync);
    planned = { ...planned, sync };
    underTest = new ConsoleUnderTest({ store, controlKey: fleet.signer.publicKey });
  });

  it('shows paths and people as they are written', async () => {
    const { text } = await underTest.signIn('<i>approver</i>').get(`/approvals/${sync}`);
    expect(text).toContain('&lt;b&gt;gone&amp;0.cfg');
    expect(text).toContain('&lt;script&gt;alert');
    for (const tag of ['<b>', '<i>', '<img', '<script>']) expect(text).not.toContain(tag);
    const list = await underTest.signIn('approver').get('/approvals');
    expect(list.text).not.toContain('<script>');
  });

  it('is approved only with the number of removals', async () => {
    const page = await underTest.signIn('approver').get(`/approvals/${sync}`);
    expect(page.text).toContain('This plan removes 20 files, more than 10 %');
    const without = await vote(underTest.signIn('approver'), 'APPROVED');
    expect([without.status, without.text]).toEqual([409, expect.stringContaining('approve it with their number, 20')]);
    const wrong = await vote(underTest.signIn('approver'), 'APPROVED', { removals: '19' });
    expect([wrong.status, wrong.text]).toEqual([409, expect.stringContaining('19 removals are acknowledged')]);
    expect((await vote(underTest.signIn('approver'), 'APPROVED', { removals: '20' })).status).toBe(200);
  });
});
