import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { wrapStore } from '#adapters/wrap-store.ts';
import { StoreTransient } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { type ConsoleSettings, consoleSettingsSchema } from '#core/sign-in.ts';
import { CONSOLE_LINK_FILE, type ServeConsole, type ServedConsole, serveConsole } from '#embedded/console-server.ts';
import { CookieJar } from '#test/support/cookie-jar.ts';
import { CLIENT_ID, CLIENT_SECRET, IdentityProviderUnderTest } from '#test/support/identity-provider.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const PUBLIC = 'https://lockstep.example.org';

let provider: IdentityProviderUnderTest;
let folder: string;
let store: MemoryStore;
let served: ServedConsole | undefined;

beforeEach(async () => {
  vi.spyOn(console, 'warn').mockReturnValue();
  provider = await IdentityProviderUnderTest.start([PUBLIC]);
  provider.people.set('1', { email: 'ann@example.org', groups: ['staff'] });
  folder = await temporaryFolder();
  store = new MemoryStore();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await served?.[Symbol.asyncDispose]();
  served = undefined;
  await provider.stop();
});

function settings(more: object = {}): ConsoleSettings {
  const oidc = { issuer: provider.issuer, 'client-id': CLIENT_ID, roles: { viewer: ['staff'] } };
  return consoleSettingsSchema.parse({ oidc, ...more });
}

async function serve(wish: Partial<ServeConsole> = {}): Promise<ServedConsole> {
  await served?.[Symbol.asyncDispose]();
  served = await serveConsole({
    parts: {
      store,
      executions: { start: async () => undefined },
      controlKey: async () => undefined,
      now: () => new Date(),
      random: () => '0a1b2',
      log: () => undefined,
    },
    ...{ person: 'ann', host: '127.0.0.1', port: 0, folder, oidcSecret: CLIENT_SECRET },
    ...wish,
  });
  return served;
}

/** As a proxy passes it on: with the host that was asked for, over a connection without TLS. */
async function pass(passed: Request, more: Readonly<Record<string, string>> = {}): Promise<Response> {
  const { host, pathname, search } = new URL(passed.url);
  const headers = { ...Object.fromEntries(passed.headers), host, ...more };
  const body = Buffer.from(await passed.arrayBuffer());
  const url = `${served?.address.replace('0.0.0.0', '127.0.0.1')}${pathname}${search}`;
  const sent = request(url, { method: passed.method, headers }).end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const all = Buffer.concat(await answer.toArray());
  const list = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  return new Response(all, { status: answer.statusCode ?? 0, headers: list });
}

function openBrowser(): CookieJar {
  return new CookieJar({ [PUBLIC]: pass });
}

async function signIn(browser: CookieJar) {
  const { url } = await browser.follow(`${PUBLIC}/history`);
  return await browser.follow(url, { method: 'POST', body: new URLSearchParams({ name: '1' }) });
}

describe('a console at an address that others can reach', () => {
  it.each(['0.0.0.0', '::', '192.0.2.1', 'plant.example.org'])(
    'is not served at %s without an identity provider',
    async (host) => {
      await expect(serve({ host })).rejects.toMatchObject({
        name: 'BadInput',
        message: expect.stringContaining('name an identity provider in the fleet file (console.oidc)'),
      });
    },
  );

  it('is not served with one while nobody says where people find it', async () => {
    await expect(serve({ host: '0.0.0.0', settings: settings() })).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining('console-url'),
    });
  });

  it('signs people in behind a proxy, by addresses that come from the fleet file', async () => {
    await serve({ host: '0.0.0.0', settings: settings(), publicUrl: `${PUBLIC}/` });
    const browser = openBrowser();
    const begun = await browser.ask(`${PUBLIC}/sign-in`, { headers: { 'X-Forwarded-Host': 'evil.example.org' } });
    const away = new URL(begun.headers.get('Location') ?? '');
    expect(away.searchParams.get('redirect_uri')).toBe(`${PUBLIC}/sign-in/callback`);
    expect(away.searchParams.get('code_challenge_method')).toBe('S256');
    const { answer, url } = await signIn(browser);
    expect([answer.status, url]).toEqual([200, `${PUBLIC}/history`]);
    expect([...browser.cookiesOf(PUBLIC).keys()]).toContain('__Host-lockstep-session');
  });

  it('answers under no other name, not even that of this machine', async () => {
    await serve({ host: '0.0.0.0', settings: settings(), publicUrl: PUBLIC });
    for (const host of ['127.0.0.1', 'localhost', 'evil.example.org'])
      expect((await pass(new Request(`${PUBLIC}/sign-in`), { host })).status).toBe(421);
  });

  it('knows people again after it was started again, until its key is removed', async () => {
    const wish = { settings: settings(), publicUrl: PUBLIC };
    await serve(wish);
    const browser = openBrowser();
    await signIn(browser);
    await serve(wish);
    expect((await browser.ask(`${PUBLIC}/help`)).status).toBe(200);
    folder = await temporaryFolder();
    await serve(wish);
    expect((await browser.ask(`${PUBLIC}/help`)).status).toBe(302);
  });

  it('has its address where lockstep console finds it, instead of a link that would let anybody in', async () => {
    const { link } = await serve({ settings: settings(), publicUrl: PUBLIC });
    expect([link, await readFile(join(folder, CONSOLE_LINK_FILE), 'utf8')]).toEqual([PUBLIC, `${PUBLIC}\n`]);
  });
});

describe('a console that begins to serve', () => {
  const parts = {
    executions: { start: async () => undefined },
    controlKey: async () => undefined,
    now: () => new Date(),
    random: () => '0a1b2',
  };

  it('reads the fleet before anybody asks', async () => {
    const asked: string[] = [];
    const watched = wrapStore(store, ({ key }, run) => {
      asked.push(key);
      return run();
    });
    await serve({ parts: { ...parts, store: watched, log: () => undefined } });
    await vi.waitFor(() => expect(asked).toContain(keys.fleet()));
  });

  it('serves, and says so, where the fleet cannot be read yet', async () => {
    const logged: unknown[] = [];
    const failing = wrapStore(store, async ({ key }) => {
      throw new StoreTransient(key, 'it is gone');
    });
    const log = (event: string, fields: object) => void logged.push({ event, ...fields });
    const { address } = await serve({ parts: { ...parts, store: failing, log } });
    await vi.waitFor(() =>
      expect(logged).toEqual([{ event: 'fleet-not-read-ahead', message: expect.stringContaining('it is gone') }]),
    );
    expect((await fetch(address)).status).toBe(401);
  });
});

describe('a console on this machine', () => {
  it.each([
    ['127.0.0.1', true],
    ['localhost', true],
    ['evil.example.org', false],
  ])('is found under %s: %s', async (name, isFound) => {
    const { address } = await serve();
    const host = `${name}:${new URL(address).port}`;
    expect((await pass(new Request(address), { host })).status).toBe(isFound ? 401 : 421);
  });
});

describe('the address of whoever asks', () => {
  async function addressWith(proxies: number, forwarded: string): Promise<string | undefined> {
    await serve({ settings: settings({ proxies }), publicUrl: PUBLIC });
    const before = new Set(await keysOfAudit());
    const browser = new CookieJar({ [PUBLIC]: async (asked) => await pass(asked, { 'x-forwarded-for': forwarded }) });
    await signIn(browser);
    const [key = ''] = (await keysOfAudit()).filter((one) => !before.has(one));
    return JSON.parse(Buffer.from((await store.get(key))?.body ?? []).toString()).address;
  }

  async function keysOfAudit(): Promise<string[]> {
    return (await Array.fromAsync(store.list('audit/'))).map(({ key }) => key);
  }

  it('is that of the connection, unless proxies are configured; then what the last of them has seen', async () => {
    expect(await addressWith(0, '192.0.2.66')).toBe('127.0.0.1');
    expect(await addressWith(1, '203.0.113.5, 192.0.2.66')).toBe('192.0.2.66');
    expect(await addressWith(1, 'x'.repeat(200))).toBe('127.0.0.1');
    expect(await addressWith(2, '198.51.100.1, 203.0.113.5, 192.0.2.66')).toBe('203.0.113.5');
  });
});
