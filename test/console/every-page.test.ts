import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { findBarriers, NO_CHROMIUM, Windows } from './chromium.ts';
import { ServedConsole } from './served-console.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
let windows: Windows;
let fleet: FakeFleet;
let served: ServedConsole;
/** One that has ended, and one that waits for its approval. */
let ended: SyncId;
let waiting: SyncId;

beforeAll(async () => {
  if (NO_CHROMIUM !== undefined) return;
  windows = await Windows.open();
  fleet = new FakeFleet();
  const sites = { west: { servers: ['primary', 'backup'] }, east: { servers: ['primary'] } };
  const approval = { 'requester-may-approve': true };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites, approval })));
  const long = `${'long-folder-name/'.repeat(12)}${MARKUP}.cfg`;
  await fleet.add('west/primary', [file(`${MARKUP}.cfg`, 'new'), file(long, 'new'), file('t.db', 'same', 'termcap')]);
  await fleet.add('west/backup', [file('t.db', 'old', 'termcap'), file('own.cfg', 'own')]);
  await fleet.add('east/primary', [file('t.db', 'old', 'termcap')]);
  await fleet.start();
  const { signer, store } = fleet;
  served = await ServedConsole.serve({ store, controlKey: signer.publicKey, executions: new StoreExecutions(store) });
  ended = await fleet.request({ requestedBy: MARKUP, waveSize: 1 });
  await fleet.vote(ended, 'APPROVED');
  await fleet.verdict(ended);
  const entries = [file(`${MARKUP}.cfg`, 'newer'), file(long, 'newer'), file('t.db', 'newer', 'termcap')];
  for (const agent of fleet.agents.values()) if (agent.server === 'west/primary') agent.entries = entries;
  waiting = await fleet.request({ requestedBy: MARKUP });
  await fleet.until(async () => (await store.head(keys.approvalRequested(waiting))) !== undefined);
});

afterAll(async () => {
  await windows?.close();
  await served?.stop();
  await fleet?.end();
});

beforeEach((context) => context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM));
afterEach(() => windows?.closeAll());

const PAGES: readonly (readonly [name: string, path: () => string])[] = [
  ['Fleet', () => '/'],
  ['Synchronize Configurations', () => '/synchronize'],
  ['Synchronize Configurations without a server that fits', () => '/synchronize?find=nowhere'],
  ['a sync that waits', () => `/syncs/${waiting}`],
  ['a sync that has ended', () => `/syncs/${ended}`],
  ['its differences', () => `/syncs/${ended}/differences`],
  ['those of one destination', () => `/syncs/${ended}/differences/west/backup`],
  ['its servers', () => `/syncs/${ended}/servers`],
  ['a site', () => '/sites/west'],
  ['Access tokens', () => '/access-tokens'],
  ['Approvals', () => '/approvals'],
  ['a plan that waits', () => `/approvals/${waiting}`],
  ['a plan that is decided', () => `/approvals/${ended}`],
  ['History', () => '/history'],
  ['History without a sync that fits', () => '/history?server=nowhere'],
  ['a server', () => '/servers/west/backup'],
  ['Help', () => '/help'],
  ['a page that there is not', () => '/nothing'],
  ['a sync that there is not', () => '/syncs/20260102T030405Z-0a1b2c3d'],
];

it.each(PAGES)('%s keeps nobody out, is no wider than the window, and F1 explains it', async (_, path) => {
  const page = await windows.of(served, `engineer ${MARKUP}`);
  page.on('dialog', (dialog) => void windows.complaints.push(`dialog ${dialog.message()}`));
  await page.goto(path());
  expect(await findBarriers(page)).toEqual([]);
  expect(await page.locator('main img').count()).toBe(0);
  await page.keyboard.press('F1');
  await page.waitForURL(/\/help#/);
  expect(await page.locator(new URL(page.url()).hash).count()).toBe(1);
  expect(windows.complaints.filter((text) => !text.includes('status of 40'))).toEqual([]);
});

it('leads through the wizard with the keyboard alone, and always shows where one is', async () => {
  const page = await windows.of(served, 'engineer');
  await page.goto('/');
  await press(page, 'link Synchronize Configurations…', 'Enter');
  await page.waitForURL(/\/synchronize$/);
  // The first of its group; the arrows lead to the others.
  await press(page, 'radio east/primary as the source', 'ArrowDown');
  expect(await page.getByRole('radio', { name: 'west/primary as the source' }).isChecked()).toBe(true);
  await press(page, 'checkbox west/backup as a destination', 'Space');
  await press(page, 'button Compare them', 'Enter');
  await page.getByRole('link', { name: 'Look at the differences and decide' }).waitFor();
  const sync = page.url();
  await press(page, 'link Look at the differences and decide', 'Enter');
  await page.waitForURL(/\/approvals\//);
  const [code = ''] = /[0-9a-f]{4}-[0-9a-f]{4}/.exec((await page.locator('main').textContent()) ?? '') ?? [];
  await press(page, 'radio Approve: write these destinations', 'Space');
  await press(page, 'textbox Short code of the plan', code);
  const answered = page.waitForEvent('load');
  await press(page, 'button Record my decision', 'Enter');
  await answered;
  await page.goto(sync);
  await page.getByText('Synchronization Result').waitFor();
  await page.locator('#state', { hasText: 'succeeded' }).waitFor();
  expect(windows.complaints).toEqual([]);
});

/** Goes there by Tab, from where the page is; then presses that key, or types that text. */
async function press(page: Page, where: string, keyOrText: string): Promise<void> {
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    await page.keyboard.press('Tab');
    const there = await page.evaluate<{ readonly name: string; readonly outline: string }>(FOCUSED);
    // Behind the last is the page itself.
    if (!there.name.startsWith('BODY')) expect(there.outline, there.name).not.toBe('none');
    if (there.name !== where) continue;
    if (KEYS.includes(keyOrText)) await page.keyboard.press(keyOrText);
    else await page.keyboard.type(keyOrText);
    return;
  }
  throw new Error(`Tab never comes to ${where}`);
}

const FOCUSED = `(() => {
  const element = document.activeElement;
  const roles = { A: 'link', BUTTON: 'button', TEXTAREA: 'textbox', INPUT: { radio: 'radio', checkbox: 'checkbox' }[element.type] ?? 'textbox' };
  const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
  const { outlineStyle: outline } = getComputedStyle(element);
  return { name: (roles[element.tagName] ?? element.tagName) + ' ' + name.replace(/\\s+/g, ' ').trim(), outline };
})()`;
const KEYS = ['Enter', 'Space', 'ArrowDown'];
const MOST_TABS = 150;
