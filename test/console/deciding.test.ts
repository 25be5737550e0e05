import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import type { SyncId } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { NO_CHROMIUM, Windows } from './chromium.ts';
import { ServedConsole } from './served-console.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
let windows: Windows;
let fleet: FakeFleet;
let served: ServedConsole;
let sync: SyncId;

beforeAll(async () => {
  if (NO_CHROMIUM === undefined) windows = await Windows.open();
});

afterAll(() => windows?.close());

beforeEach(async (context) => {
  context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM);
  fleet = new FakeFleet();
  await fleet.add('west/primary', [file(`${MARKUP}.cfg`, 'new')]);
  await fleet.add('west/backup', []);
  await fleet.start();
  const { signer, store } = fleet;
  served = await ServedConsole.serve({ store, controlKey: signer.publicKey, executions: new StoreExecutions(store) });
  sync = await fleet.request({ consoleUrl: served.url, requestedBy: `requester ${MARKUP}` });
  await fleet.planned(sync);
  await fleet.until(() => fleet.mails.length > 0);
});

afterEach(async () => {
  await windows?.closeAll();
  await served?.stop();
  await fleet?.end();
});

/** The page that the mail's link opens, as this person sees it. */
async function open(person: string): Promise<Page> {
  const [mail] = fleet.mails;
  const [link = ''] = /http:\/\/127\S+\/approvals\/\S+/.exec(mail?.text ?? '') ?? [];
  const page = await windows.of(served, person);
  page.on('dialog', (dialog) => void windows.complaints.push(`dialog ${dialog.message()}`));
  await page.goto(link);
  return page;
}

async function decide(page: Page, word: 'Approve' | 'Reject'): Promise<void> {
  const [code = ''] = /[0-9a-f]{4}-[0-9a-f]{4}/.exec((await page.locator('main').textContent()) ?? '') ?? [];
  await page.getByRole('radio', { name: word }).check();
  await page.getByLabel('Short code').fill(code);
  const answered = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Record my decision' }).click();
  await answered;
}

it('approves from the link in the mail, and shows names with markup as names', async () => {
  const page = await open('approver');
  expect(await page.locator('main').textContent()).toContain(`${MARKUP}.cfg`);
  expect(await page.locator('main').textContent()).toContain(`requester ${MARKUP}`);
  await decide(page, 'Approve');
  expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
  await page.goto(`/syncs/${sync}`);
  await page.getByText('approver approved it (console)').waitFor();
  expect(await page.locator('main img').count()).toBe(0);
  expect(windows.complaints).toEqual([]);
});

it('rejects: nothing is written, and the page of the sync says who did not want it', async () => {
  const page = await open('approver');
  await page.getByLabel('Comment').fill(`not during the shift ${MARKUP}`);
  await decide(page, 'Reject');
  expect((await fleet.verdict(sync)).verdict).toBe('REJECTED');
  expect(fleet.agents.get('west/backup')?.obeyed.map(({ step }) => step)).toEqual(['inventory']);
  await page.goto(`/syncs/${sync}`);
  await page.locator('#state', { hasText: 'rejected' }).waitFor();
  await page.getByText(`approver rejected it (console): not during the shift ${MARKUP}`).waitFor();
  expect(windows.complaints).toEqual([]);
});

it('lets one of two browsers decide that press at once, and tells the other who it was', async () => {
  const pages = await Promise.all(['one', 'other'].map(open));
  await Promise.all(pages.map((page) => decide(page, 'Approve')));
  const said = await Promise.all(pages.map((page) => page.locator('main').textContent()));
  const [refused, ...more] = said.filter((text) => text?.includes('Your decision was not taken'));
  expect(more).toEqual([]);
  expect(refused).toMatch(/approved.*by (one|other) at/);
  expect((await fleet.verdict(sync)).verdict).toBe('SUCCEEDED');
});

it('tells whoever sends an old page what was decided meanwhile, and by whom', async () => {
  const [first, second] = [await open('first'), await open('second')];
  await decide(first, 'Reject');
  await fleet.verdict(sync);
  await decide(second, 'Approve');
  const said = await second.locator('main').textContent();
  expect(said).toContain('Your decision was not taken');
  expect(said).toMatch(/rejected.*by first at/);
  await second.getByRole('link', { name: 'Back to the plan' }).click();
  await second.waitForURL(/\/approvals\/[^/]+$/);
  await second.getByText('rejected', { exact: false }).first().waitFor();
  expect(await second.getByRole('button', { name: 'Record my decision' }).count()).toBe(0);
});
