import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { type ServedConsole, serveConsole } from '#embedded/console-server.ts';
import { findControlKey } from '#functions/control-key.ts';
import { ProcessFleet } from '#test/support/process-fleet.ts';
import { readTree } from '#test/support/trees.ts';
import { NO_CHROMIUM, Windows } from './chromium.ts';

const MARKUP = '<img src=x onerror=alert(1)>';
let folder: string;
let fleet: ProcessFleet;
let served: ServedConsole;
let windows: Windows;
let page: Page;

beforeEach(async (context) => {
  context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM);
  folder = mkdtempSync(join(tmpdir(), 'lockstep-console-'));
  fleet = new ProcessFleet(folder);
  const { store } = fleet;
  served = await serveConsole({
    parts: {
      store,
      executions: new StoreExecutions(store),
      controlKey: () => findControlKey(store),
      now: () => new Date(),
      random: () => '0a1b2',
      log: () => undefined,
    },
    ...{ person: 'engineer', host: '127.0.0.1', port: 0, folder },
  });
  windows = await Windows.open();
  page = await windows.ofNobody();
  await page.goto(served.link);
  await page.getByRole('button', { name: 'Open the console' }).click();
  await page.waitForURL(/\/$/);
});

afterEach(async () => {
  await windows?.close();
  await served?.[Symbol.asyncDispose]();
  await fleet?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

it('leads from an empty fleet to a proved result, with a real controller and real agents', async () => {
  for (const link of ['Fleet', 'Synchronize Configurations']) {
    await page.getByRole('navigation').getByRole('link', { name: link }).click();
    await page.getByText('No server is known yet').waitFor();
  }
  await fleet.start(
    {
      'west/primary': { [`config/${MARKUP}.cfg`]: 'new', 'config/areas.xml': '<areas/>', 'own.lic': 'of the primary' },
      'west/backup': { 'config/areas.xml': '<old/>', 'own.lic': 'of the backup' },
    },
    'approval:\n  requester-may-approve: true\n',
  );
  await expect.poll(async () => await onlineServers(), { timeout: 60_000 }).toBe(2);
  await page.getByRole('link', { name: 'Synchronize Configurations…' }).click();
  await page.check('input[name=source][value="west/primary"]');
  await page.check('input[name=destination][value="west/backup"]');
  await page.getByRole('button', { name: 'Compare them' }).click();
  const decide = page.getByRole('link', { name: 'Look at the differences and decide' });
  await decide.waitFor();
  const sync = page.url();
  await decide.click();
  await page.waitForURL(/\/approvals\//);
  expect(await page.locator('main').textContent()).toContain(`${MARKUP}.cfg`);
  const [code = ''] = /[0-9a-f]{4}-[0-9a-f]{4}/.exec((await page.locator('main').textContent()) ?? '') ?? [];
  const follower = await page.context().newPage();
  await follower.goto(sync);
  await page.getByRole('radio', { name: 'Approve' }).check();
  await page.getByLabel('Short code').fill(code);
  await page.getByRole('button', { name: 'Record my decision' }).click();
  await follower.getByText('Synchronization Result').waitFor();
  await follower.locator('#state', { hasText: 'succeeded' }).waitFor();
  const written = readTree(fleet.rootOf('west/backup'));
  expect(Object.keys(written)).toContain(`config/${MARKUP}.cfg`);
  expect(readFileSync(join(fleet.rootOf('west/backup'), 'own.lic'), 'utf8')).toBe('of the backup');
  const download = follower.waitForEvent('download');
  await follower.getByRole('link', { name: 'Download the receipt of west/backup' }).click();
  const receipt = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(receipt.payload).toMatchObject({ server: 'west/backup', outcome: 'SUCCEEDED' });
  expect(windows.complaints).toEqual([]);
}, 180_000);

async function onlineServers(): Promise<number> {
  await page.goto(new URL('/', served.link).href);
  return await page.getByRole('row', { name: 'online' }).count();
}

it('finds servers by typing', async () => {
  await fleet.start({ 'west/primary': {}, 'west/backup': {}, 'east/primary': {} });
  await page.reload();
  await page.getByLabel('Find a server').fill('backup');
  expect(await page.locator('tbody tr:visible').allTextContents()).toEqual([expect.stringContaining('west/backup')]);
});
