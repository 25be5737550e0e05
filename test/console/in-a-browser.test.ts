import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { type ServedConsole, serveConsole } from '#embedded/console-server.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const QUIET = ['background-networking', 'component-update', 'default-apps', 'sync'].map((name) => `--disable-${name}`);
const WIDTHS = [1280, 390];

let fleet: FakeFleet;
let folder: string;
let served: ServedConsole;
let browser: Browser;
let page: Page;
let complaints: string[];

beforeEach(async (context) => {
  context.skip(CHROMIUM === undefined, 'there is no Chromium on this machine');
  folder = mkdtempSync(join(tmpdir(), 'lockstep-console-'));
  fleet = new FakeFleet();
  const sites = { west: { servers: ['primary', 'backup'] }, east: { servers: ['primary'] } };
  const approval = { 'requester-may-approve': true };
  await fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites, approval })));
  await fleet.add('west/primary', [file('<b>new</b>.cfg', 'new'), file('t.db', 'same', 'termcap')]);
  await fleet.add('west/backup', [file('t.db', 'old', 'termcap')]);
  await fleet.start();
  const { signer, store } = fleet;
  served = await serveConsole({
    parts: {
      store,
      executions: new StoreExecutions(store),
      controlKey: async () => signer.publicKey,
      now: () => new Date(),
      random: () => '0a1b2',
      log: () => undefined,
    },
    ...{ person: 'approver', host: '127.0.0.1', port: 0, folder },
  });
  browser = await chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', ...QUIET],
  });
  page = await (await browser.newContext()).newPage();
  complaints = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()));
  await page.goto(served.link);
  await page.getByRole('button', { name: 'Open the console' }).click();
  await page.waitForURL(/\/$/);
});

afterEach(async () => {
  if (CHROMIUM === undefined) return;
  await browser.close();
  await served[Symbol.asyncDispose]();
  await fleet.end();
  rmSync(folder, { recursive: true, force: true });
});

it('leads a person through the whole wizard, from the fleet to the result, without a reload', async () => {
  await page.getByRole('link', { name: 'Synchronize Configurations…' }).click();
  await page.check('input[name=source][value="west/primary"]');
  await page.check('input[name=destination][value="west/backup"]');
  await page.getByRole('button', { name: 'Compare them' }).click();
  const decide = page.getByRole('link', { name: 'Look at the differences and decide' });
  await decide.waitFor();
  const sync = page.url();
  await decide.click();
  expect(await page.locator('main').textContent()).toContain('<b>new</b>.cfg');
  const [code = ''] = /[0-9a-f]{4}-[0-9a-f]{4}/.exec((await page.locator('main').textContent()) ?? '') ?? [];
  const follower = await page.context().newPage();
  await follower.goto(sync);
  await page.getByLabel('Approve').check();
  await page.getByLabel('Short code').fill(code);
  await page.getByRole('button', { name: 'Record my decision' }).click();
  await follower.getByText('Synchronization Result').waitFor();
  expect(await follower.locator('#live').textContent()).toContain('succeeded');
  await page.goto(page.url());
  expect(await page.locator('main').textContent()).toContain('approver');
  expect(complaints).toEqual([]);
});

it('opens the help of a page with F1', async () => {
  await page.keyboard.press('F1');
  await page.waitForURL(/\/help#fleet$/);
  expect(complaints).toEqual([]);
});

it('finds servers by typing', async () => {
  await page.getByLabel('Find a server').fill('backup');
  expect(await page.locator('tbody tr:visible').allInnerTexts()).toEqual([expect.stringContaining('west/backup')]);
});

it.each(['/', '/synchronize', '/approvals', '/history', '/servers/west/backup', '/help'])(
  'has nothing on %s that keeps a person out, and nothing wider than the window',
  async (path) => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await page.goto(new URL(path, served.link).href);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of WIDTHS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await page.evaluate(axe);
        const found = await page.evaluate<readonly { readonly id: string }[]>('axe.run().then((r) => r.violations)');
        expect(found.map(({ id }) => `${id}, ${colorScheme}, ${width}`)).toEqual([]);
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      }
    }
    expect(complaints).toEqual([]);
  },
);
