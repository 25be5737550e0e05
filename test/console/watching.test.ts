import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import type { SyncId } from '#core/sync.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { NO_CHROMIUM, Windows } from './chromium.ts';
import { ServedConsole } from './served-console.ts';

let windows: Windows;
let fleet: FakeFleet;
let served: ServedConsole;

beforeAll(async () => {
  if (NO_CHROMIUM === undefined) windows = await Windows.open();
});

afterAll(() => windows?.close());

beforeEach(async (context) => {
  context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM);
  fleet = new FakeFleet();
  await fleet.add('west/primary', [file('a.cfg', 'new')]);
  await fleet.add('west/backup', [file('a.cfg', 'old')]);
  await fleet.add('east/backup', [file('a.cfg', 'old')]);
  await fleet.start();
  const { signer, store } = fleet;
  served = await ServedConsole.serve({ store, controlKey: signer.publicKey, executions: new StoreExecutions(store) });
});

afterEach(async () => {
  await windows?.closeAll();
  await served?.stop();
  await fleet?.end();
});

/** At work in its only wave, until it is let go on. */
async function held(wish: Parameters<FakeFleet['request']>[0] = {}): Promise<SyncId> {
  behave('west/backup', 'never-ends');
  const sync = await fleet.request(wish);
  await fleet.vote(sync, 'APPROVED');
  return sync;
}

function behave(server: string, how: 'none' | 'never-ends' | 'silent-at-apply' | 'refuses'): void {
  const agent = fleet.agents.get(server);
  if (agent === undefined) throw new Error(`there is no ${server}`);
  agent.misbehaviour = how;
}

async function watch(sync: SyncId, width = 1280): Promise<Page> {
  const page = await windows.of(served, 'operator', { viewport: { width, height: 700 } });
  await page.goto(`/syncs/${sync}`);
  return page;
}

async function stateOf(page: Page, words: string): Promise<void> {
  await page.locator('#state', { hasText: words }).waitFor();
}

it('shows the progress again after a reload, and the result without one', async () => {
  const page = await watch(await held());
  await page.getByText('scanning').first().waitFor();
  await page.reload();
  await page.getByText('scanning').first().waitFor();
  behave('west/backup', 'none');
  await page.getByText('Synchronization Result').waitFor();
  await stateOf(page, 'succeeded');
  expect(await page.getByText('west/backup signed its receipt').count()).toBe(1);
  expect(windows.complaints).toEqual([]);
});

it('says that the connection is lost, and goes on by itself when it is back', async () => {
  const page = await watch(await held());
  await page.getByText('scanning').first().waitFor();
  await served.stop();
  await page.getByText('No connection since').waitFor();
  behave('west/backup', 'none');
  await served.start();
  await page.getByText('Synchronization Result').waitFor();
  await expect.poll(() => page.locator('.connection').textContent(), PATIENT).toBe('');
});

it('says that one has to sign in again where nobody is known any more', async () => {
  const page = await watch(await held());
  await page.getByText('scanning').first().waitFor();
  await served.stop();
  served.console.endSessions();
  await served.start();
  await page.getByText('You are not signed in any more').waitFor();
});

it('keeps the focus, the place and what is open while the page changes, and tells a screen reader of the state alone', async () => {
  const page = await watch(await held(), 390);
  await page.getByText('scanning').first().waitFor();
  await page.getByText('Stop this sync…').click();
  const region = page.getByRole('region', { name: 'Waves and destinations' });
  await region.focus();
  await region.evaluate((element) => {
    element.scrollLeft = 40;
  });
  const place = await page.evaluate<number>('scrollY');
  expect(place).toBeGreaterThan(0);
  await page.evaluate(`
    globalThis.told = [];
    globalThis.drawn = 0;
    const loud = '[aria-live], [role=status], [role=alert], [role=log]';
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
        if (element?.closest(loud)) globalThis.told.push(element.closest(loud).textContent);
        else globalThis.drawn++;
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  `);
  await expect.poll(() => page.evaluate<number>('drawn'), PATIENT).toBeGreaterThan(3);
  expect(await page.evaluate('told')).toEqual([]);
  expect(await page.locator('#stop').getAttribute('open')).not.toBeNull();
  expect(await page.evaluate<number>('scrollY')).toBe(place);
  behave('west/backup', 'none');
  await page.getByText('Synchronization Result').waitFor();
  expect(await page.evaluate('document.activeElement.getAttribute("aria-label")')).toBe('Waves and destinations');
  expect(await region.evaluate((element) => element.scrollLeft)).toBe(40);
  expect(new Set(await page.evaluate<string[]>('told'))).toEqual(new Set(['succeeded']));
  expect(await page.locator('#stop').isVisible()).toBe(false);
});

it('moves nothing by itself', async () => {
  const page = await watch(await held());
  await page.getByText('scanning').first().waitFor();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await page.evaluate<number>('document.getAnimations().length')).toBe(0);
});

it('shows that a server has gone offline in the middle, and that the others went on', async () => {
  behave('west/backup', 'silent-at-apply');
  const sync = await fleet.request();
  const page = await watch(sync);
  await fleet.vote(sync, 'APPROVED');
  await stateOf(page, 'failed');
  await page
    .getByRole('row', { name: /west\/backup offline/ })
    .first()
    .waitFor();
  await page
    .getByRole('row', { name: /east\/backup succeeded/ })
    .first()
    .waitFor();
  expect(windows.complaints).toEqual([]);
});

it('shows in which wave a sync was halted, and what was left alone', async () => {
  behave('west/backup', 'refuses');
  const sync = await fleet.request({ waveSize: 1 });
  const page = await watch(sync);
  await fleet.vote(sync, 'APPROVED');
  await stateOf(page, 'halted');
  await page.getByText('Halted in wave 1').waitFor();
  await page.getByRole('row', { name: /Wave 1 .*halted here/ }).waitFor();
  await page.getByRole('row', { name: /east\/backup not attempted/ }).waitFor();
  expect(windows.complaints).toEqual([]);
});

it('stops a sync by two presses, and shows who did', async () => {
  const page = await watch(await held({ waveSize: 1 }));
  await page.getByText('Stop this sync…').click();
  await page.getByRole('button', { name: 'Stop it now' }).click();
  await stateOf(page, 'stopping');
  behave('west/backup', 'none');
  await page.getByText('Synchronization Result').waitFor();
  await page.getByText('Stopped by operator').waitFor();
  await page.getByRole('row', { name: /east\/backup not attempted/ }).waitFor();
  expect(windows.complaints).toEqual([]);
});

const PATIENT = { timeout: 30_000 };
