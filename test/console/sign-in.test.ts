import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { decodeJwt, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { auditSchema } from '#core/audit.ts';
import { parseDocument } from '#core/documents.ts';
import { type OidcSettings, oidcSchema } from '#core/sign-in.ts';
import { localPath } from '#functions/console/sign-in/local-path.ts';
import { OpenIdConnect } from '#functions/console/sign-in/oidc.ts';
import { CookieJar } from '#test/support/cookie-jar.ts';
import { type Bend, CLIENT_ID, CLIENT_SECRET, IdentityProviderUnderTest } from '#test/support/identity-provider.ts';
import { CONSOLE, ConsoleUnderTest, formsOf } from './browser.ts';

const COOKIE = '__Host-lockstep-session';
const SYNC = '20260102T030405Z-0a1b2c3d';
const ROLES = { viewer: ['staff'], operator: ['shift'], approver: ['leads'] };

let provider: IdentityProviderUnderTest;
let store: MemoryStore;
let underTest: ConsoleUnderTest;
let later: number;

beforeEach(async () => {
  // It has to be told in every test that this is not production.
  vi.spyOn(console, 'warn').mockReturnValue();
  provider = await IdentityProviderUnderTest.start([CONSOLE]);
  provider.people.set('1', { email: 'Ann@Example.org', groups: ['staff', 'shift', 'leads', 'night'] });
  provider.people.set('2', { email: 'bert@example.org', email_verified: true, groups: ['staff'] });
  provider.people.set('3', { email: 'nobody@example.org', groups: ['visitors'] });
  provider.people.set('4', { email: 'ann@example.org', email_verified: false, groups: ['leads'] });
  store = new MemoryStore();
  later = 0;
  underTest = createConsole();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await provider.stop();
});

interface Wanted {
  readonly sessionKey?: Uint8Array;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const KEY = randomBytes(32);

function createConsole({ sessionKey = KEY, settings = {} }: Wanted = {}): ConsoleUnderTest {
  const now = () => new Date(Date.now() + later);
  const signIn = new OpenIdConnect({
    settings: settingsOf(settings),
    secret: CLIENT_SECRET,
    publicUrl: CONSOLE,
    ...{ sessionKey, sessionHours: 8, now },
    log: (event, fields) => void underTest.logged.push({ event, ...fields }),
  });
  return new ConsoleUnderTest({ store, controlKey: '', now, signIn, addressOf: () => '192.0.2.7' });
}

function settingsOf(more: Readonly<Record<string, unknown>>): OidcSettings {
  return oidcSchema.parse({ issuer: provider.issuer, 'client-id': CLIENT_ID, roles: ROLES, ...more });
}

function openBrowser(console: ConsoleUnderTest = underTest): CookieJar {
  return new CookieJar({ [CONSOLE]: async (request) => await console.app.request(request) });
}

/** Opens a page, and says at the provider who one is. */
async function signIn(browser: CookieJar, name: string, path = '/') {
  const asked = await browser.follow(`${CONSOLE}${path}`);
  expect(asked.url).toContain(`${provider.issuer}/say/`);
  return await browser.follow(asked.url, { method: 'POST', body: new URLSearchParams({ name }) });
}

/** Up to the address that the provider sends the browser back to. */
async function comeBack(browser: CookieJar, name: string, path = '/'): Promise<string> {
  const { url } = await browser.follow(`${CONSOLE}${path}`);
  let at = url;
  let answer = await browser.ask(at, { method: 'POST', body: new URLSearchParams({ name }) });
  for (;;) {
    at = new URL(answer.headers.get('Location') ?? '', at).href;
    if (at.startsWith(CONSOLE)) return at;
    answer = await browser.ask(at);
  }
}

async function post(browser: CookieJar, path: string, fields: Readonly<Record<string, string>>) {
  const headers = { Origin: CONSOLE };
  return await browser.ask(`${CONSOLE}${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) });
}

async function formKeyOf(browser: CookieJar): Promise<string> {
  const [form] = formsOf(await (await browser.ask(`${CONSOLE}/help`)).text());
  return form?.fields.formKey ?? '';
}

async function audited() {
  const records = [];
  for await (const { key } of store.list('audit/')) {
    const { body } = (await store.get(key)) ?? {};
    records.push({ key, ...parseDocument(key, auditSchema, body ?? new Uint8Array()) });
  }
  return records;
}

async function expectNobody(browser: CookieJar): Promise<void> {
  expect([...browser.cookiesOf(CONSOLE).keys()].filter((name) => name === COOKIE)).toEqual([]);
  const { status } = await browser.ask(`${CONSOLE}/help`, { headers: { 'Sec-Fetch-Mode': 'cors' } });
  expect(status).toBe(401);
}

describe('a person who signs in at the identity provider', () => {
  it('comes back to the page first asked for, known by a verified mail address, with the roles of the groups', async () => {
    const browser = openBrowser();
    const { answer, url } = await signIn(browser, '1', '/history?server=west%2Fprimary');
    expect([url, answer.status]).toEqual([`${CONSOLE}/history?server=west%2Fprimary`, 200]);
    expect(await answer.text()).toContain('<span title="viewer, operator, approver">ann@example.org</span>');
    expect(await audited()).toMatchObject([
      { event: 'sign-in', person: 'ann@example.org', method: 'oidc', address: '192.0.2.7' },
    ]);
  });

  it('is given a cookie that no script, no other site and no connection without TLS sees', async () => {
    const browser = openBrowser();
    const answer = await browser.ask(await comeBack(browser, '2'));
    const [cookie] = answer.headers.getSetCookie().filter((line) => line.startsWith(`${COOKIE}=ey`));
    for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/']) expect(cookie).toContain(attribute);
    expect(cookie).not.toContain('Domain');
    expect(Buffer.from(cookie?.split(/[=.]/)[1] ?? '', 'base64url').toString()).toBe('{"alg":"dir","enc":"A256GCM"}');
  });

  it('is known to every instance that has the key, and to none that has another', async () => {
    const browser = openBrowser();
    await signIn(browser, '2');
    const cookie = `${COOKIE}=${browser.cookiesOf(CONSOLE).get(COOKIE)}`;
    const ask = async (console: ConsoleUnderTest) =>
      await console.app.request(`${CONSOLE}/help`, { headers: { Cookie: cookie, 'Sec-Fetch-Mode': 'cors' } });
    expect((await ask(createConsole())).status).toBe(200);
    expect((await ask(createConsole({ sessionKey: randomBytes(32) }))).status).toBe(401);
    // A role that means something else now was not given to him.
    expect((await ask(createConsole({ settings: { roles: { ...ROLES, approver: ['staff'] } } }))).status).toBe(401);
  });

  it('who is only a viewer may not decide, is told so, and it is written down', async () => {
    const browser = openBrowser();
    await signIn(browser, '2');
    const answer = await post(browser, `/approvals/${SYNC}`, {
      formKey: await formKeyOf(browser),
      decision: 'APPROVED',
    });
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('bert@example.org is no approver'),
    ]);
    expect(await audited()).toMatchObject([
      { event: 'sign-in' },
      {
        event: 'decision-refused',
        person: 'bert@example.org',
        method: 'oidc',
        sync: SYNC,
        status: 403,
        via: 'console',
      },
    ]);
  });

  it('has nothing done by a form with a key that was not shown', async () => {
    const browser = openBrowser();
    await signIn(browser, '1');
    const answer = await post(browser, '/synchronize', { formKey: 'forged', action: 'begin' });
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('not one that was shown to you'),
    ]);
    expect((await audited()).at(-1)).toMatchObject({ event: 'refused', path: '/synchronize', status: 403 });
  });

  it('is told at a form that the session has ended, and comes back to the page of that form', async () => {
    const browser = openBrowser();
    await signIn(browser, '1');
    later = 8 * 3600_000 + 1000;
    const answer = await browser.ask(`${CONSOLE}/approvals/${SYNC}`, {
      method: 'POST',
      headers: { Origin: CONSOLE, Referer: `${CONSOLE}/approvals/${SYNC}?x=1` },
      body: new URLSearchParams({ decision: 'APPROVED' }),
    });
    const text = await answer.text();
    expect([answer.status, text]).toEqual([401, expect.stringContaining('Your session has ended')]);
    const [, way = ''] = /href="(\/sign-in[^"]*)"/.exec(text) ?? [];
    const { url } = await browser.follow(new URL(way, CONSOLE).href);
    expect(url).toBe(`${CONSOLE}/approvals/${SYNC}?x=1`);
  });

  it('signs out here at once, and is shown the way to sign out at the provider', async () => {
    const browser = openBrowser();
    await signIn(browser, '1');
    expect((await post(browser, '/leave', { formKey: 'forged' })).status).toBe(403);
    expect((await browser.ask(`${CONSOLE}/help`)).status).toBe(200);
    expect((await post(browser, '/leave', { formKey: await formKeyOf(browser) })).headers.get('Location')).toBe(
      '/signed-out',
    );
    await expectNobody(browser);
    const text = await (await browser.ask(`${CONSOLE}/signed-out`)).text();
    const [, away = ''] = /href="(http[^"]*)"/.exec(text) ?? [];
    expect(away).toContain(`${provider.issuer}/session/end`);
    const { answer } = await browser.follow(away.replaceAll('&amp;', '&'));
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('Sign out?')]);
    expect((await audited()).map(({ event }) => event)).toEqual(['sign-in', 'refused', 'sign-out']);
  });

  it('who has no role is let in nowhere, and told whom to ask', async () => {
    const browser = openBrowser();
    const { answer } = await signIn(browser, '3');
    const text = await answer.text();
    expect([answer.status, text]).toEqual([
      403,
      expect.stringContaining('nothing in the claim groups gives you a role'),
    ]);
    expect(text).toContain('nobody@example.org');
    await expectNobody(browser);
    expect(await audited()).toMatchObject([{ event: 'sign-in-refused', person: 'nobody@example.org' }]);
  });

  it('is not known by a mail address that nobody has verified, which another person may have', async () => {
    const browser = openBrowser();
    const { answer } = await signIn(browser, '4');
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('no verified mail address')]);
    await expectNobody(browser);
  });

  it('is not known by it either where only the userinfo endpoint says so', async () => {
    provider.bend = resigned({ email: 'ann@example.org', groups: ['leads'] });
    const browser = openBrowser();
    expect((await signIn(browser, '4')).answer.status).toBe(403);
    await expectNobody(browser);
  });

  it('is told so when the provider, or the person, refuses', async () => {
    const browser = openBrowser();
    const { url } = await browser.follow(`${CONSOLE}/approvals`);
    const { answer } = await browser.follow(url, { method: 'POST', body: new URLSearchParams({ refuse: 'yes' }) });
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('You were not signed in')]);
    await expectNobody(browser);
  });

  it('is told that the provider does not answer, before or in the middle of the sign-in', async () => {
    const browser = openBrowser();
    const back = await comeBack(browser, '1');
    await provider.stop();
    for (const [console, path] of [
      [underTest, back],
      [createConsole(), `${CONSOLE}/sign-in`],
    ] as const) {
      const answer = await (console === underTest ? browser : openBrowser(console)).ask(path);
      expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('does not answer')]);
    }
    await expectNobody(browser);
    expect((await underTest.app.request(`${CONSOLE}/signed-out`)).status).toBe(200);
  });

  it('may be at several pages at once, and sign in for each', async () => {
    const browser = openBrowser();
    const pages = await Promise.all(['/history', '/approvals'].map((path) => browser.follow(`${CONSOLE}${path}`)));
    for (const [index, path] of ['/history', '/approvals'].entries()) {
      const body = new URLSearchParams({ name: '2' });
      expect((await browser.follow(pages[index]?.url ?? '', { method: 'POST', body })).url).toBe(`${CONSOLE}${path}`);
    }
  });

  it('does not gather cookies without end by beginning again and again', async () => {
    const browser = openBrowser();
    for (let times = 0; times < 20; times++) await browser.ask(`${CONSOLE}/sign-in`);
    expect(browser.cookiesOf(CONSOLE).size).toBeLessThanOrEqual(4);
  });

  it('is known by the claims that are configured, also inside of others', async () => {
    provider.people.set('5', { preferred_username: 'Cleo', realm_access: { roles: ['leads'] } });
    const roles = { ...ROLES, claim: 'realm_access.roles' };
    underTest = createConsole({ settings: { person: 'preferred_username', roles } });
    const { answer } = await signIn(openBrowser(), '5');
    expect(await answer.text()).toContain('<span title="approver">cleo</span>');
  });

  it('has a session that a browser keeps, with the longest name and as many groups as there may be', async () => {
    const groups = ['leads', ...Array.from({ length: 19 }, (_, index) => `${index}`.padEnd(98, 'g'))];
    provider.people.set('7', { email: `${'\u6f22'.repeat(188)}@example.org`, groups });
    const browser = openBrowser();
    expect((await signIn(browser, '7')).answer.status).toBe(200);
    expect(underTest.logged.map(({ event }) => event)).toEqual(['sign-in']);
    expect(sizeOfSession(browser)).toBeGreaterThan(3000);
    expect(sizeOfSession(browser)).toBeLessThanOrEqual(4096);
  });

  it('keeps no more groups than a cookie holds, and says which could be kept', async () => {
    const groups = ['leads', ...Array.from({ length: 200 }, (_, index) => `group-of-many-${index}`)];
    provider.people.set('6', { email: 'dora@example.org', groups });
    const browser = openBrowser();
    const { answer } = await signIn(browser, '6');
    expect(answer.status).toBe(200);
    expect(sizeOfSession(browser)).toBeLessThanOrEqual(4096);
    expect(underTest.logged).toContainEqual(expect.objectContaining({ event: 'groups-left-out', groups: 201 }));
    underTest = createConsole({ settings: { groups: { claim: 'groups', keep: ['leads'] } } });
    await signIn(openBrowser(), '6');
    expect(underTest.logged.filter(({ event }) => event === 'groups-left-out')).toEqual([]);
  });
});

/** Bytes that a browser has to keep. */
function sizeOfSession(browser: CookieJar): number {
  return Buffer.byteLength(`${COOKIE}=${browser.cookiesOf(CONSOLE).get(COOKIE)}`);
}

describe('what comes back from the provider', () => {
  it.each<[string, number, string]>([
    ['without a sign-in that was begun', 400, ''],
    ['with the cookie of a sign-in of another state', 400, 'state=other'],
  ])('signs nobody in %s', async (_, status, state) => {
    const [browser, other] = [openBrowser(), openBrowser()];
    const back = await comeBack(other, '1');
    if (state !== '') await browser.ask(`${CONSOLE}/sign-in`);
    const answer = await browser.ask(back);
    expect([answer.status, await answer.text()]).toEqual([
      status,
      expect.stringContaining('not a sign-in that was begun here'),
    ]);
    await expectNobody(browser);
  });

  it('signs nobody in a second time, neither as it was nor with the cookies of the first', async () => {
    const browser = openBrowser();
    const back = await comeBack(browser, '1');
    const taken = new Map(browser.cookiesOf(CONSOLE));
    expect((await browser.ask(back)).status).toBe(302);
    const replayed = await browser.ask(back);
    expect([replayed.status, await replayed.text()]).toEqual([400, expect.stringContaining('has been used already')]);
    const thief = openBrowser();
    for (const [name, value] of taken) thief.cookiesOf(CONSOLE).set(name, value);
    const again = await thief.ask(back);
    expect([again.status, await again.text()]).toEqual([400, expect.stringContaining('was used before')]);
    await expectNobody(thief);
  });

  it('signs nobody in after ten minutes', async () => {
    const browser = openBrowser();
    const back = await comeBack(browser, '1');
    later = 601_000;
    expect((await browser.ask(back)).status).toBe(400);
    await expectNobody(browser);
  });

  it('signs nobody in with a code of somebody else', async () => {
    const [browser, other] = [openBrowser(), openBrowser()];
    const [mine, foreign] = [new URL(await comeBack(browser, '2')), new URL(await comeBack(other, '1'))];
    mine.searchParams.set('code', foreign.searchParams.get('code') ?? '');
    const answer = await browser.ask(mine.href);
    // The verifier of PKCE is not that of this code.
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('was used before')]);
    await expectNobody(browser);
  });

  it.each<[string, Bend, number, RegExp]>([
    ['is for another client', resigned({ aud: 'another' }), 502, /cannot be believed/],
    ['comes from another issuer', resigned({ iss: 'https://evil.example.org' }), 502, /cannot be believed/],
    ['answers another sign-in', resigned({ nonce: 'another' }), 502, /cannot be believed/],
    ['was signed with another key', resigned({}, 'another'), 502, /cannot be believed/],
    [
      'is not signed',
      ({ id_token, ...rest }) => ({ ...rest, id_token: unsigned(id_token) }),
      502,
      /cannot be believed/,
    ],
    ['is missing', ({ id_token: _, ...rest }) => rest, 502, /cannot be believed/],
    ['has expired', resigned({ exp: Math.floor(Date.now() / 1000) - 60 }), 502, /The clocks do not agree/],
  ])('signs nobody in when the id token %s', async (_, bend, status, words) => {
    provider.bend = bend;
    const browser = openBrowser();
    const { answer } = await signIn(browser, '1');
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringMatching(words)]);
    await expectNobody(browser);
  });

  it('may be half a minute old by the clock of this machine', async () => {
    provider.bend = resigned({ exp: Math.floor(Date.now() / 1000) - 10 });
    expect((await signIn(openBrowser(), '1')).answer.status).toBe(200);
  });

  it('leaves nothing secret in the log or the audit', async () => {
    const browser = openBrowser();
    const back = new URL(await comeBack(browser, '1'));
    await browser.ask(back.href);
    await browser.ask(back.href);
    const written = JSON.stringify([underTest.logged, await audited()]);
    const cookies = [...browser.cookiesOf(CONSOLE).values()];
    for (const secret of [CLIENT_SECRET, back.searchParams.get('code') ?? '', ...cookies])
      expect(written).not.toContain(secret);
  });
});

describe('a cookie', () => {
  async function ask(value: string, path = '/help') {
    const headers = { Cookie: `${COOKIE}=${value}`, 'Sec-Fetch-Mode': 'cors' };
    return await underTest.app.request(`${CONSOLE}${path}`, { headers });
  }

  it('that was changed, invented, or sealed for something else, is nobody', async () => {
    const browser = openBrowser();
    await browser.ask(`${CONSOLE}/sign-in`);
    const [begun = ''] = browser.cookiesOf(CONSOLE).values();
    await signIn(browser, '1');
    const own = browser.cookiesOf(CONSOLE).get(COOKIE) ?? '';
    const middle = Math.floor(own.length / 2);
    const changed = `${own.slice(0, middle)}${own[middle] === 'A' ? 'B' : 'A'}${own.slice(middle + 1)}`;
    const session = { person: 'eve', roles: ['approver'], groups: [], method: 'oidc', formKey: 'x' };
    const invented = new UnsecuredJWT({ session }).setExpirationTime('1h').encode();
    expect((await ask(own)).status).toBe(200);
    for (const value of [changed, invented, begun, 'x', '']) expect((await ask(value)).status).toBe(401);
  });
});

describe('the way back', () => {
  it.each([
    ['//evil.example.org', '/'],
    ['/\\evil.example.org', '/'],
    ['/.//evil.example.org', '/'],
    ['/x/..//evil.example.org', '/'],
    ['/%2e//evil.example.org', '/'],
    ['https://evil.example.org/', '/'],
    ['javascript:alert(1)', '/'],
    ['/\t/evil.example.org', '/'],
    ['/sign-in?back=/', '/'],
    ['/approvals/x?y=%2F%2Fz#w', '/approvals/x?y=%2F%2Fz'],
  ])('leads from %j to %j', (wanted, path) => {
    expect(localPath(wanted)).toBe(path);
  });

  it('never leads elsewhere, whatever is asked for', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '%2e',
      '%2f',
      ':',
      '@',
      'evil.example.org',
      '?',
      '#',
      '\t',
      ' ',
      'a',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = localPath(pieces.join(''));
        expect(new URL(path, CONSOLE).origin).toBe(CONSOLE);
        expect(path.startsWith('/')).toBe(true);
      }),
    );
  });

  it('is not bent by what the sign-in is begun with', async () => {
    const browser = openBrowser();
    const { url } = await signIn(browser, '2', '/sign-in?back=%2F%2Fevil.example.org');
    expect(url).toBe(`${CONSOLE}/`);
  });
});

/** The id token with other claims, signed again. */
function resigned(claims: Readonly<Record<string, unknown>>, by: 'provider' | 'another' = 'provider'): Bend {
  return async ({ id_token, ...rest }) => {
    const key = by === 'provider' ? provider.key : { ...provider.key, ...(await anotherKey()) };
    const token = new SignJWT({ ...decodeJwt(id_token), ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'first' });
    return { ...rest, id_token: await token.sign(await importJWK(key, 'RS256')) };
  };
}

async function anotherKey() {
  const another = await IdentityProviderUnderTest.start([]);
  await another.stop();
  return another.key;
}

function unsigned(token: string): string {
  return new UnsecuredJWT(decodeJwt(token)).encode();
}
