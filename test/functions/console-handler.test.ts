import { randomBytes } from 'node:crypto';
import type { APIGatewayProxyResult } from 'hono/aws-lambda';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { SYNC_FORMAT, syncIdSchema, syncRequestSchema } from '#core/sync.ts';
import { CookieJar } from '#test/support/cookie-jar.ts';
import { CLIENT_ID, CLIENT_SECRET, IdentityProviderUnderTest } from '#test/support/identity-provider.ts';
import { type JsonService, serveJson } from '#test/support/json-service.ts';
import { type LambdaWorld, openLambdaWorld } from '#test/support/lambda-world.ts';

const CONSOLE = 'https://abc123.execute-api.eu-central-1.amazonaws.com';
const SECRET_ARN = 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:console-AbCdEf';
const SESSION_KEY = randomBytes(32).toString('hex');

let world: LambdaWorld;
let provider: IdentityProviderUnderTest;
let secrets: JsonService;
/** What Secrets Manager has; `undefined`: it refuses. */
let secret: string | undefined;

beforeEach(async () => {
  world = await openLambdaWorld();
  provider = await IdentityProviderUnderTest.start([CONSOLE]);
  provider.people.set('1', { email: 'ann@example.org', groups: ['leads'] });
  secret = JSON.stringify({ clientSecret: CLIENT_SECRET, sessionKey: SESSION_KEY, note: 'of somebody else' });
  secrets = await serveJson(() =>
    secret === undefined
      ? { status: 400, body: { __type: 'AccessDeniedException', message: 'not authorized' } }
      : { status: 200, body: { ARN: SECRET_ARN, SecretString: secret } },
  );
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', secrets.url);
  vi.stubEnv('LOCKSTEP_CONSOLE_SECRET', SECRET_ARN);
  vi.stubEnv('LOCKSTEP_CONSOLE_URL', CONSOLE);
  const roles = { viewer: ['staff'], operator: ['leads'], approver: ['leads'] };
  const settings = { oidc: { issuer: provider.issuer, 'client-id': CLIENT_ID, roles }, 'session-hours': 8 };
  vi.stubEnv('LOCKSTEP_CONSOLE', JSON.stringify(settings));
  const fleet = fleetSchema.parse({ fleet: 'plants', sites: { 'plant-a': { servers: ['tm1', 'tm2'] } } });
  await world.store.put(keys.fleet(), encodeDocument(fleet));
});

afterEach(async () => {
  await Promise.all([provider.stop(), secrets.stop()]);
  await world.close();
});

it('serves the console behind API Gateway: sign-in at the provider, pages, a form, sign-out', async () => {
  const browser = await openBrowser();
  const fleet = await signIn(browser);
  expect(fleet.url).toBe(`${CONSOLE}/`);
  expect(fleet.text).toContain('plant-a/tm2');
  const formKey = /name="formKey" value="([^"]+)"/.exec(fleet.text)?.[1] ?? '';
  const form = { formKey, source: 'plant-a/tm1', destination: 'plant-a/tm2', mode: 'overwrite', action: 'begin' };
  const begun = await follow(browser, `${CONSOLE}/synchronize`, {
    method: 'POST',
    headers: { Origin: CONSOLE },
    body: new URLSearchParams(form),
  });
  const sync = begun.url.slice(`${CONSOLE}/syncs/`.length);
  const keysWritten: string[] = [];
  for await (const { key } of world.store.list('')) keysWritten.push(key);
  // The record that the start function is woken by, and the person of the session in the request.
  expect(keysWritten).toEqual(expect.arrayContaining([`executions/${sync}.json`, `syncs/${sync}/request.json`]));
  expect(world.asked.stepFunctions.requests).toEqual([]);
  expect(begun.text).toContain('ann@example.org');
  expect(begun.text).toMatch(/data-live="[^"]+" data-asks/);
  expect((await browser.ask(`${CONSOLE}/syncs/${sync}/events`)).status).toBe(404);
  expect((await browser.ask(`${CONSOLE}/syncs/${sync}/now`)).headers.get('Lockstep-Phase')).toBe('inventory');
  await follow(browser, `${CONSOLE}/leave`, {
    method: 'POST',
    headers: { Origin: CONSOLE },
    body: new URLSearchParams({ formKey }),
  });
  expect((await browser.ask(`${CONSOLE}/`)).headers.get('Location')).toBe('/sign-in');
});

it('gives assets from beside it, and pages that nobody else keeps', async () => {
  const browser = await openBrowser();
  const { text } = await signIn(browser);
  for (const [type, path] of [
    ['text/css', /href="(\/assets\/console\.css[^"]*)"/.exec(text)?.[1]],
    ['text/javascript', /src="(\/assets\/console\.js[^"]*)"/.exec(text)?.[1]],
    ['image/svg+xml', /href="(\/assets\/icon\.svg[^"]*)"/.exec(text)?.[1]],
  ]) {
    const asset = await browser.ask(`${CONSOLE}${path}`);
    expect(asset.status, path).toBe(200);
    expect(asset.headers.get('Content-Type')).toContain(type);
  }
  const page = await browser.ask(`${CONSOLE}/`);
  expect(page.headers.get('Cache-Control')).toBe('no-store');
  expect(page.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
});

it('hands a session over to the next instance, which reads the secret once', async () => {
  const browser = await openBrowser();
  await signIn(browser);
  expect(secrets.requests.map(({ body }) => body)).toEqual([{ SecretId: SECRET_ARN }]);
  vi.resetModules();
  current = await world.handlerOf('console');
  expect((await browser.ask(`${CONSOLE}/`)).status).toBe(200);
  await browser.ask(`${CONSOLE}/history`);
  expect(secrets.requests).toHaveLength(2);
});

it('writes neither the secret nor a session into its log', async () => {
  const browser = await openBrowser();
  await signIn(browser);
  await browser.ask(`${CONSOLE}/syncs/no-such-sync`);
  const written = world.written();
  expect(written).toContain('console-problem');
  for (const hidden of [CLIENT_SECRET, SESSION_KEY, /__Host-lockstep|ey[\w-]+\.\.[\w-]+\./])
    expect(written).not.toMatch(hidden);
});

it.each([
  ['an empty client secret', { clientSecret: '', sessionKey: SESSION_KEY }, 'it lacks clientSecret'],
  ['no session key', { clientSecret: 'of-the-client' }, 'it lacks sessionKey'],
  [
    'a session key that can be guessed',
    { clientSecret: 'of-the-client', sessionKey: 'too-short' },
    'it lacks sessionKey',
  ],
  ['something else than texts', { clientSecret: 17, sessionKey: SESSION_KEY }, 'it is no JSON object'],
])(
  'says what is wrong with a secret that has %s, shows nothing of it, and begins once it is filled in',
  async (_, held, problem) => {
    const whole = secret;
    secret = JSON.stringify(held);
    const handler = await world.handlerOf('console');
    const event = await eventOf(new Request(`${CONSOLE}/`));
    await expect(handler(event)).rejects.toThrow(`secret ${SECRET_ARN} is not valid: ${problem}`);
    expect(world.written()).not.toMatch(/of-the-client|too-short/);
    expect(world.written()).not.toContain(SESSION_KEY);
    secret = whole;
    expect(await handler(event)).toMatchObject({ statusCode: 302 });
  },
);

it('shows nothing of a secret that is no JSON', async () => {
  secret = 'hunter2 is not JSON';
  const handler = await world.handlerOf('console');
  await expect(handler(await eventOf(new Request(`${CONSOLE}/`)))).rejects.toThrow('it is no JSON object');
  expect(world.written()).not.toContain('hunter2');
});

it('says that it may not read the secret', async () => {
  secret = undefined;
  const handler = await world.handlerOf('console');
  await expect(handler(await eventOf(new Request(`${CONSOLE}/`)))).rejects.toMatchObject({ name: 'ServicePermanent' });
});

it.each(['LOCKSTEP_CONSOLE', 'LOCKSTEP_CONSOLE_URL', 'LOCKSTEP_CONSOLE_SECRET'])(
  'names %s where it lacks',
  async (name) => {
    vi.stubEnv(name, undefined);
    const handler = await world.handlerOf('console');
    await expect(handler(await eventOf(new Request(`${CONSOLE}/`)))).rejects.toThrow(name);
  },
);

it('says so where an answer is larger than Lambda can give', async () => {
  const destinations = Array.from({ length: 20_000 }, (_, index) => `plant-b/${'t'.repeat(50)}${index}`);
  const request = {
    source: 'plant-a/tm1',
    destinations,
    format: SYNC_FORMAT,
    requestedBy: 'ann@example.org',
    waveSize: 1000,
  };
  const more = {
    policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: false },
    ...{ errorBudget: 0, notify: [], requestedAt: '2026-01-02T03:04:05.000Z' },
    timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
  };
  for (let number = 0; number < 6; number++) {
    const sync = syncIdSchema.parse(`20260102T030405Z-0a1b2c3${number}`);
    const document = syncRequestSchema.parse({ ...request, ...more, sync });
    await world.store.create(keys.request(sync), encodeDocument(document));
  }
  const browser = await openBrowser();
  await signIn(browser);
  const { status } = await browser.ask(`${CONSOLE}/history/export.csv`);
  expect(status).toBe(413);
  expect((await browser.ask(`${CONSOLE}/history/export.csv?before=20260102T030405Z-0a1b2c33`)).status).toBe(200);
});

it('answers under no other name than its own', async () => {
  const handler = await world.handlerOf('console');
  const other = await eventOf(new Request('https://elsewhere.example.org/'));
  expect(await handler(other)).toMatchObject({ statusCode: 421 });
});

let current: (event: unknown) => Promise<unknown>;

async function openBrowser(): Promise<CookieJar> {
  current = await world.handlerOf('console');
  return new CookieJar({
    [CONSOLE]: async (request) => responseOf((await current(await eventOf(request))) as APIGatewayProxyResult),
  });
}

async function signIn(browser: CookieJar) {
  const asked = await browser.follow(`${CONSOLE}/`);
  return await follow(browser, asked.url, { method: 'POST', body: new URLSearchParams({ name: '1' }) });
}

async function follow(browser: CookieJar, from: string, init: RequestInit) {
  const { answer, url } = await browser.follow(from, init);
  return { url, text: await answer.text() };
}

/** Format 2.0; a form comes in Base64, as whatever is not text. */
async function eventOf(request: Request): Promise<object> {
  const { host, pathname, search } = new URL(request.url);
  const { cookie, ...headers } = Object.fromEntries(request.headers);
  const body = Buffer.from(await request.arrayBuffer());
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: pathname,
    rawQueryString: search.slice(1),
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    headers: { ...headers, host, 'x-forwarded-proto': 'https' },
    requestContext: {
      stage: '$default',
      domainName: host,
      http: { method: request.method, path: pathname, protocol: 'HTTP/1.1', sourceIp: '192.0.2.7' },
    },
    ...(body.length > 0 && { body: body.toString('base64') }),
    isBase64Encoded: body.length > 0,
  };
}

function responseOf({ body, headers, isBase64Encoded, statusCode, ...rest }: APIGatewayProxyResult): Response {
  const { cookies = [] } = rest as { cookies?: readonly string[] };
  const all = new Headers(headers as Record<string, string>);
  for (const cookie of cookies) all.append('Set-Cookie', cookie);
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  return new Response(bytes.length === 0 ? null : bytes, { status: statusCode, headers: all });
}
