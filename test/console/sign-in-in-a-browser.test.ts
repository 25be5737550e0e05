import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { consoleSettingsSchema } from '#core/sign-in.ts';
import { type ServedConsole, serveConsole } from '#embedded/console-server.ts';
import { CLIENT_ID, CLIENT_SECRET, IdentityProviderUnderTest } from '#test/support/identity-provider.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { CHROMIUM, findBarriers, NO_CHROMIUM } from './chromium.ts';

let provider: IdentityProviderUnderTest;
let served: ServedConsole;
let browser: Browser;
let page: Page;
let later: number;
let complaints: string[];

beforeEach(async (context) => {
  context.skip(NO_CHROMIUM !== undefined, NO_CHROMIUM);
  vi.spyOn(console, 'warn').mockReturnValue();
  const port = await findPort();
  const publicUrl = `http://127.0.0.1:${port}`;
  provider = await IdentityProviderUnderTest.start([publicUrl]);
  provider.people.set('ann', { email: 'ann@example.org', groups: ['staff', 'leads'] });
  provider.people.set('nobody', { email: 'nobody@example.org' });
  const roles = { viewer: ['staff'], approver: ['leads'] };
  later = 0;
  served = await serveConsole({
    parts: {
      store: new MemoryStore(),
      executions: { start: async () => undefined },
      controlKey: async () => undefined,
      now: () => new Date(Date.now() + later),
      random: () => '0a1b2',
      log: () => undefined,
    },
    ...{ person: 'nobody', host: '127.0.0.1', port, folder: await temporaryFolder(), publicUrl },
    settings: consoleSettingsSchema.parse({ oidc: { issuer: provider.issuer, 'client-id': CLIENT_ID, roles } }),
    oidcSecret: CLIENT_SECRET,
  });
  browser = await chromium.launch({
    executablePath: CHROMIUM ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  });
  page = await (await browser.newContext({ baseURL: publicUrl })).newPage();
  complaints = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (line) => {
    const { url } = line.location();
    if (line.type() === 'error' && url.startsWith(publicUrl)) complaints.push(line.text());
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  if (NO_CHROMIUM !== undefined) return;
  await browser.close();
  await served[Symbol.asyncDispose]();
  await provider.stop();
});

/** The redirect address has to be registered before the console listens there. */
async function findPort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function sayWho(name: string): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

it('leads a person from a link to the provider, back to that page, out again, and in again after the session has ended', async () => {
  await page.goto('/approvals?x=1');
  expect(page.url()).toContain(provider.issuer);
  await sayWho('ann');
  await page.waitForURL(/\/approvals\?x=1$/);
  expect(await page.locator('header .person').textContent()).toContain('ann@example.org');

  later = 8 * 3600_000 + 1000;
  await page.goto('/history');
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Your session has ended');
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole('link', { name: 'Sign in' }).click();
  // The provider still knows him.
  await page.waitForURL(/\/history$/);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/signed-out$/);
  expect(await findBarriers(page)).toEqual([]);
  await page.getByRole('link', { name: 'sign out there too' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(/\/signed-out$/);
  await page.getByRole('link', { name: 'Sign in again' }).click();
  expect(page.url()).toContain(`${provider.issuer}/say/`);
  // What Chromium says of an answer 401.
  expect(complaints.filter((line) => !line.includes('401'))).toEqual([]);
});

it('tells somebody without a role so, on a page that anybody can use', async () => {
  await page.goto('/');
  await sayWho('nobody');
  await page.waitForURL(/\/sign-in\/callback/);
  expect(await page.locator('main').textContent()).toContain('nothing in the claim groups gives you a role here');
  expect(await findBarriers(page)).toEqual([]);
});
