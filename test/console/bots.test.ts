import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { CONSOLE, ConsoleUnderTest, type Fields, formsOf } from './browser.ts';

let planned: PlannedFleet;
let underTest: ConsoleUnderTest;
let link: string;
let code: string;

beforeEach(async () => {
  planned = await planFleet(1, { consoleUrl: CONSOLE });
  const { signer, store } = planned.dependencies;
  underTest = new ConsoleUnderTest({ store, controlKey: signer.publicKey });
  const [mail] = planned.mails;
  link = new URL(/https:\S+\/approvals\/\S+/.exec(mail?.text ?? '')?.[0] ?? '').pathname;
  code = /^Code +(\S+)$/m.exec(mail?.text ?? '')?.[1] ?? '';
});

afterEach(() => planned.fleet.end());

/** Votes and decisions that the store holds. */
async function decided(): Promise<string[]> {
  const found: string[] = [];
  const { store } = planned.dependencies;
  for await (const { key } of store.list(`syncs/${planned.sync}/`))
    if (/\/votes\/|decision\.json$/.test(key)) found.push(key);
  return found;
}

/** What an approver's browser would send. */
async function approversForm(): Promise<Fields> {
  const { text } = await underTest.signIn('approver').get(link);
  const form = formsOf(text).find(({ action }) => action === link);
  return { ...form?.fields, code, decision: 'APPROVED' };
}

describe('programs that follow the link in a mail', () => {
  it.each<[string, RequestInit]>([
    ['gets it', {}],
    ['asks for its headers only', { method: 'HEAD' }],
    ['fetches it beforehand', { headers: { Purpose: 'prefetch', 'Sec-Purpose': 'prefetch' } }],
    ['asks what it may do', { method: 'OPTIONS' }],
  ])('decide nothing when one %s', async (_, init) => {
    const stranger = await underTest.stranger().get(link, init);
    expect(stranger.status).toBe(401);
    expect(formsOf(stranger.text)).toEqual([]);
    // As an extension of an approver's browser does.
    await underTest.signIn('approver').get(link, init);
    for (const query of ['?decision=APPROVED', `?decision=APPROVED&code=${code}`])
      await underTest.signIn('approver').get(`${link}${query}`, init);
    expect(await decided()).toEqual([]);
  });

  it('decide nothing by sending every form that the page shows, as it is and filled in', async () => {
    const { text } = await underTest.signIn('approver').get(link);
    const forms = formsOf(text);
    expect(forms.map(({ action }) => action)).toContain(link);
    for (const { action, fields } of forms)
      for (const more of [{}, { code, decision: 'APPROVED' }])
        for (const headers of [{}, { Origin: CONSOLE }, { Origin: 'https://scanner.example.org' }]) {
          const answer = await underTest.stranger().post(action, { ...fields, ...more }, headers as Fields);
          expect(answer.status).toBeGreaterThanOrEqual(401);
        }
    expect(await decided()).toEqual([]);
  });

  it('decide nothing even where they send the forms of a person who is signed in, as they are', async () => {
    const browser = underTest.signIn('approver');
    for (const { action, fields } of formsOf((await browser.get(link)).text)) await browser.post(action, fields);
    expect(await decided()).toEqual([]);
  });
});

describe('a decision that is none', () => {
  async function expectRefused(answer: { status: number; text: string }, status: number, words: string | RegExp) {
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(words);
    expect(answer.text).not.toContain('decision-refused');
    expect(await decided()).toEqual([]);
    const [entry] = underTest.logged.filter(({ event }) => event === 'decision-refused');
    expect(entry).toMatchObject({ sync: planned.sync, status, via: 'console', reason: expect.stringMatching(words) });
    return entry;
  }

  it('is refused with a form key that was not shown to this session', async () => {
    const forged = await underTest.signIn('bert').post(link, await approversForm());
    const entry = await expectRefused(forged, 403, /This form is not one that was shown to you/);
    expect(entry).toMatchObject({ person: 'bert', plan: await planned.fleet.planned(planned.sync) });
  });

  it('is refused when it comes from another site', async () => {
    const form = await approversForm();
    const answer = await underTest.signIn('approver').post(link, form, { Origin: 'https://evil.example.org' });
    await expectRefused(answer, 403, /This form was sent from elsewhere/);
  });

  it('is refused when the session has expired', async () => {
    const browser = underTest.signIn('approver');
    const form = formsOf((await browser.get(link)).text).find(({ action }) => action === link)?.fields;
    underTest.endSessions();
    const answer = await browser.post(link, { ...form, code, decision: 'APPROVED' });
    const entry = await expectRefused(answer, 401, /Who are you\?/);
    expect(entry).toMatchObject({ person: null, plan: null });
  });

  it('is refused to a person who may only look', async () => {
    const browser = underTest.signIn('viewer', ['viewer', 'operator']);
    const [formKey] = formsOf((await browser.get(link)).text).map(({ fields }) => fields.formKey ?? '');
    const answer = await browser.post(link, { ...(await approversForm()), formKey: formKey ?? '' });
    await expectRefused(answer, 403, /viewer is no approver/);
  });

  it('is refused to the person who asked for the sync', async () => {
    const browser = underTest.signIn('requester');
    expect((await browser.get(link)).text).toContain('You asked for this sync and so cannot approve it');
    const answer = await browser.submit(link, { code, decision: 'APPROVED' });
    await expectRefused(answer, 409, /requester asked for this sync and so cannot approve it/);
  });

  it('is refused when the plan is not the one that the page showed', async () => {
    const other = sha256('another plan');
    const answer = await underTest
      .signIn('approver')
      .submit(link, { plan: other, code: shortCode(other), decision: 'APPROVED' });
    await expectRefused(
      answer,
      409,
      /this names plan .* but sync .* has plan .*: look at that plan, then decide on it/,
    );
  });

  it('is refused when it is larger than any form', async () => {
    const form = { ...(await approversForm()), comment: 'x'.repeat(100_000) };
    await expectRefused(await underTest.signIn('approver').post(link, form), 413, /That is too much/);
  });

  it('is refused when it is sent again, and counts once', async () => {
    const browser = underTest.signIn('approver');
    const form = formsOf((await browser.get(link)).text).find(({ action }) => action === link)?.fields;
    const fields = { ...form, code, decision: 'APPROVED' };
    expect((await browser.post(link, fields)).status).toBe(303);
    const before = await decided();
    const again = await browser.post(link, fields);
    expect([again.status, again.text]).toEqual([409, expect.stringMatching(/was approved already, by approver at 20/)]);
    expect(await decided()).toEqual(before);
    expect(before).toEqual([keys.decision(planned.sync), keys.vote(planned.sync, sha256('approver'))]);
  });
});
