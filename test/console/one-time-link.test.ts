import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import type { ConsoleContext } from '#functions/console/console-parts.ts';
import { OneTimeLink } from '#functions/console/sign-in/one-time-link.ts';
import { CookieJar } from '#test/support/cookie-jar.ts';
import { ConsoleUnderTest, formsOf } from './browser.ts';

const HERE = 'http://127.0.0.1:8470';

let signIn: OneTimeLink;
let underTest: ConsoleUnderTest;
let published: string[];
let later: number;

beforeEach(() => {
  published = [];
  later = 0;
  const now = () => new Date(Date.now() + later);
  signIn = new OneTimeLink({ person: 'ann', publish: async (path) => void published.push(path), sessionHours: 8, now });
  underTest = new ConsoleUnderTest({ store: new MemoryStore(), controlKey: '', now, signIn, origins: [HERE] });
});

function openBrowser(): CookieJar {
  return new CookieJar({ [HERE]: async (request) => await underTest.app.request(request) });
}

async function enter(browser: CookieJar, path: string) {
  return await browser.follow(`${HERE}${path}`, { method: 'POST', headers: { Origin: HERE } });
}

describe('a link that works once', () => {
  it('opens the console for who confirms it, once; reading it uses nothing up', async () => {
    const path = await signIn.renew();
    for (let times = 0; times < 3; times++) {
      const { status } = await openBrowser().ask(`${HERE}${path}`);
      expect(status).toBe(200);
    }
    const { answer, url } = await enter(openBrowser(), path);
    expect([answer.status, url]).toEqual([200, `${HERE}/`]);
    expect((await enter(openBrowser(), path)).answer.status).toBe(410);
    expect(published).toHaveLength(2);
  });

  it('opens it for one of two who confirm it at once', async () => {
    const path = await signIn.renew();
    const both = await Promise.all([enter(openBrowser(), path), enter(openBrowser(), path)]);
    expect(both.map(({ answer }) => answer.status).sort()).toEqual([200, 410]);
  });

  it('leads back to the page that was asked for before, as by the link in a mail', async () => {
    const browser = openBrowser();
    expect((await browser.ask(`${HERE}/history?server=a%2Fb`)).status).toBe(401);
    const { url } = await enter(browser, await signIn.renew());
    expect(url).toBe(`${HERE}/history?server=a%2Fb`);
    // Only this once.
    expect((await enter(browser, await signIn.renew())).url).toBe(`${HERE}/`);
  });

  it('leads nowhere else, whatever the browser holds', async () => {
    const browser = openBrowser();
    for (const elsewhere of ['//evil.example.org', 'https://evil.example.org', '/.//evil.example.org']) {
      browser.cookiesOf(HERE).set('lockstep-asked-for', encodeURIComponent(elsewhere));
      expect((await enter(browser, await signIn.renew())).url).toBe(`${HERE}/`);
    }
  });

  it('is not to be guessed: whoever tries many is stopped, and nobody else is', async () => {
    const limit = { points: 3, seconds: 60 };
    const addressOf = ({ req }: ConsoleContext) => req.header('From-Address');
    const rateLimits = { strangers: limit, reads: limit, changes: limit };
    underTest = new ConsoleUnderTest({
      store: new MemoryStore(),
      controlKey: '',
      signIn,
      origins: [HERE],
      addressOf,
      rateLimits,
    });
    const statuses: number[] = [];
    for (let guess = 0; guess < 5; guess++)
      statuses.push(
        (await openBrowser().ask(`${HERE}/enter/${guess}`, { headers: { 'From-Address': '192.0.2.1' } })).status,
      );
    expect(statuses).toEqual([410, 410, 410, 429, 429]);
    expect((await openBrowser().ask(`${HERE}${await signIn.renew()}`)).status).toBe(200);
  });

  it('is not obeyed when another page sends it', async () => {
    const path = await signIn.renew();
    const headers = { Origin: 'https://evil.example.org' };
    const { status } = await openBrowser().ask(`${HERE}${path}`, { method: 'POST', headers });
    expect(status).toBe(403);
    // It is still good, and the log is no place for it.
    expect(underTest.logged.map(({ event }) => event)).toEqual(['console-problem', 'refused']);
    expect(JSON.stringify(underTest.logged)).not.toContain(path);
  });

  it('gives a session that ends, says so, and can be left', async () => {
    const browser = openBrowser();
    await enter(browser, await signIn.renew());
    later = 8 * 3600_000 + 1000;
    const ended = await browser.ask(`${HERE}/help`);
    expect([ended.status, await ended.text()]).toEqual([401, expect.stringContaining('Your session has ended')]);
    await enter(browser, await signIn.renew());
    const [leave] = formsOf(await (await browser.ask(`${HERE}/help`)).text());
    const headers = { Origin: HERE };
    const leaveBy = async (formKey: string) =>
      await browser.ask(`${HERE}/leave`, { method: 'POST', headers, body: new URLSearchParams({ formKey }) });
    expect((await leaveBy('forged')).status).toBe(403);
    expect((await browser.ask(`${HERE}/help`)).status).toBe(200);
    expect((await leaveBy(leave?.fields.formKey ?? '')).status).toBe(303);
    expect((await browser.ask(`${HERE}/help`)).status).toBe(401);
  });
});
