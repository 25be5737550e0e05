import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keys } from '#core/keys.ts';
import { listAccessTokens, revokeAccessToken } from '#functions/access-tokens.ts';
import { problemSchema } from '#functions/api/documents.ts';
import { formsOf } from '#test/console/browser.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { type ApiAnswer, ServedApi } from './served-api.ts';

let planned: PlannedFleet;
let now: Date;

beforeEach(async () => {
  planned = await planFleet(1);
  now = new Date();
});

afterEach(() => planned.fleet.end());

async function serve(): Promise<ServedApi> {
  const { store } = planned.fleet;
  return await ServedApi.serve({ store, controlKey: planned.dependencies.signer.publicKey, now: () => now });
}

function expectProblem({ body, status, type }: ApiAnswer, expected: number): void {
  expect({ status, type }).toEqual({ status: expected, type: 'application/problem+json' });
  const { detail, ...problem } = problemSchema.parse(body);
  expect(problem).toMatchObject({ type: 'about:blank', status: expected });
  expect(detail.length).toBeGreaterThan(20);
}

describe('a token', () => {
  it('says who one is, and nothing that it does not say', async () => {
    const api = await serve();
    const { body } = await api.ask('/api/v1/me', { token: await api.token('ann', ['viewer', 'operator']) });
    expect(body).toEqual({ person: 'ann', roles: ['viewer', 'operator'], groups: [], method: 'token' });
  });

  it('is refused when it is unknown, expired, revoked, or none at all', async () => {
    const api = await serve();
    const { store } = planned.fleet;
    const [expired, revoked] = [await api.token('ann', ['viewer'], 1), await api.token('ann', ['viewer'], 3)];
    now = new Date(now.getTime() + 86_400_000);
    const id =
      (await listAccessTokens({ store })).toSorted((a, b) => (a.expiresAt < b.expiresAt ? 1 : -1))[0]?.id ?? '';
    expect((await api.ask('/api/v1/me', { token: revoked })).status).toBe(200);
    await revokeAccessToken({ store }, { id });
    for (const token of [expired, revoked, `lockstep_${'A'.repeat(43)}`, 'lockstep_', '../../fleet/fleet', 'x'])
      for (const path of ['/api/v1/me', '/api/openapi.json', '/api', '/api/v1/nothing']) {
        const answer = await api.ask(path, { token });
        expectProblem(answer, 401);
        expect(answer.headers.get('WWW-Authenticate')).toContain('Bearer');
      }
  });

  it('is taken from its header only, and as it stands there', async () => {
    const api = await serve();
    const token = await api.token('ann');
    for (const Authorization of [
      `Basic ${token}`,
      token,
      `Bearer ${token}x`,
      `Bearer x${token}`,
      `Bearer ${token} ${token}`,
    ])
      expectProblem(await api.ask('/api/v1/me', { headers: { Authorization } }), 401);
    expectProblem(await api.ask(`/api/v1/me?token=${token}&access_token=${token}`), 401);
    expect((await api.ask('/api/v1/me', { headers: { Authorization: `bearer ${token}` } })).status).toBe(200);
  });

  it('that is not good is not helped by a session that is', async () => {
    const api = await serve();
    const { cookie } = api.session('ann');
    expectProblem(
      await api.ask('/api/v1/me', { token: `lockstep_${'A'.repeat(43)}`, headers: { Cookie: cookie } }),
      401,
    );
  });

  it('lies in the store as its digest alone', async () => {
    const api = await serve();
    const token = await api.token('ann');
    const { store } = planned.fleet;
    let seen = 0;
    for await (const { key } of store.list('')) {
      const text = Buffer.from((await store.get(key))?.body ?? []).toString('latin1');
      expect(`${key} ${text}`).not.toContain(token.slice('lockstep_'.length));
      if (key.startsWith(keys.accessTokens())) seen++;
    }
    expect(seen).toBe(1);
  });

  it('opens no page of the console', async () => {
    const api = await serve();
    const token = await api.token('ann');
    for (const path of ['/', '/access-tokens', `/approvals/${planned.sync}`])
      expect((await api.ask(path, { token })).status).toBe(401);
  });

  it('needs the role for what it does', async () => {
    const api = await serve();
    for (const [path, roles, role] of [
      ['/api/v1/syncs', ['viewer', 'approver'], 'operator'],
      [`/api/v1/syncs/${planned.sync}/cancel`, ['viewer', 'approver'], 'operator'],
      [`/api/v1/approvals/${planned.sync}/votes`, ['viewer', 'operator'], 'approver'],
    ] as const) {
      const answer = await api.ask(path, { token: await api.token('ann', roles), body: {} });
      expectProblem(answer, 403);
      expect(answer.body.detail).toContain(`the role ${role}, which this token of ann has not`);
    }
  });
});

describe('a session', () => {
  const wanted = { source: 'plant-a/source', destinations: ['plant-a/tm1'] };

  it('looks with its cookie, and changes something only with its form key', async () => {
    const api = await serve();
    const { cookie: Cookie, formKey } = api.session('ann');
    const { cookie: others } = api.session('ben');
    expect((await api.ask('/api/v1/me', { headers: { Cookie } })).body).toMatchObject({ person: 'ann', formKey });
    const path = `/api/v1/syncs/${planned.sync}/cancel`;
    for (const headers of [
      { Cookie },
      { Cookie, 'X-Lockstep-Form-Key': '' },
      { Cookie: others, 'X-Lockstep-Form-Key': formKey },
    ])
      expectProblem(await api.ask(path, { headers, body: {} }), 403);
    expect(await planned.fleet.store.head(keys.cancelled(planned.sync))).toBeUndefined();
    const done = await api.ask(path, { headers: { Cookie, 'X-Lockstep-Form-Key': formKey }, body: {} });
    expect(done).toMatchObject({ status: 200, body: { cancelled: true } });
  });

  it('is not used by a form of another site, whatever that sends', async () => {
    const api = await serve();
    const { cookie: Cookie, formKey } = api.session('ann');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const headers = { Cookie, 'Content-Type': type, Origin: 'https://elsewhere.example' };
      expectProblem(await api.ask('/api/v1/syncs', { headers, body: JSON.stringify({ ...wanted, formKey }) }), 403);
    }
  });

  it('whose person may not is refused as a token is', async () => {
    const api = await serve();
    const { cookie: Cookie, formKey } = api.session('ann', ['viewer']);
    const headers = { Cookie, 'X-Lockstep-Form-Key': formKey };
    const answer = await api.ask('/api/v1/syncs', { headers, body: wanted });
    expectProblem(answer, 403);
    expect(answer.body.detail).toContain('ann has not');
  });

  it('that nobody has gets nothing', async () => {
    const api = await serve();
    for (const path of ['/api/v1/me', '/api/v1/syncs', '/api/openapi.json', '/api', '/api/'])
      expectProblem(await api.ask(path), 401);
  });
});

describe('the page of access tokens', () => {
  async function browse(roles?: Parameters<ServedApi['session']>[1]) {
    const api = await serve();
    const { cookie: Cookie, formKey } = api.session('ann', roles);
    const form = (fields: Readonly<Record<string, string>>, path = '/access-tokens') =>
      api.ask(path, {
        headers: { Cookie, Origin: api.url, 'Content-Type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      });
    const look = async () => (await api.ask('/access-tokens', { headers: { Cookie } })).text;
    return { api, form, formKey, look };
  }

  it('makes a token, shows it once, and takes it back', async () => {
    const { api, form, formKey, look } = await browse();
    const fields = { formKey, name: '<b>report</b>', days: '30', 'role-viewer': 'yes' };
    const made = await form(fields);
    const token = /lockstep_[\w-]{43}/.exec(made.text)?.[0] ?? '';
    expect(made.headers.get('Cache-Control')).toBe('no-store');
    expect((await api.ask('/api/v1/me', { token })).body).toMatchObject({ person: 'ann', roles: ['viewer'] });
    const page = await look();
    expect(page).not.toContain(token);
    expect(page).not.toContain('<b>report');
    const revoke = formsOf(page).find(({ action }) => action === '/access-tokens/revoke');
    expect((await form(revoke?.fields ?? {}, '/access-tokens/revoke')).status).toBe(303);
    expect((await api.ask('/api/v1/me', { token })).status).toBe(401);
    expect(api.logged).toContainEqual(
      expect.objectContaining({ event: 'token-created', person: 'ann', roles: ['viewer'] }),
    );
    expect(api.logged).toContainEqual(expect.objectContaining({ event: 'token-removed', person: 'ann' }));
    expect(JSON.stringify(api.logged)).not.toContain(token);
  });

  it('makes none with a role that its maker has not, none for longer than a year, and none without a name', async () => {
    const { form, formKey } = await browse(['viewer']);
    const fields = { formKey, name: 'report', days: '30', 'role-viewer': 'yes' };
    const beyond = await form({ ...fields, 'role-approver': 'yes' });
    expect(beyond.text).toContain('ann is no approver');
    for (const wrong of [{ 'role-approver': 'yes' }, { days: '366' }, { days: '0' }, { days: 'x' }, { name: ' ' }])
      expect((await form({ ...fields, ...wrong })).status).toBe(400);
    expect((await form({ formKey, name: 'report', days: '30' })).status).toBe(400);
    expect(await listAccessTokens(planned.fleet)).toEqual([]);
  });

  it('takes no form but its own, and shows and revokes nobody else’s', async () => {
    const { api, form, formKey, look } = await browse();
    const token = await api.token('ben');
    const [{ id } = { id: '' }] = await listAccessTokens(planned.fleet);
    expect(await look()).not.toContain(id);
    expect((await form({ formKey, id }, '/access-tokens/revoke')).status).toBe(400);
    expect((await api.ask('/api/v1/me', { token })).status).toBe(200);
    for (const key of ['', 'x'.repeat(36)]) {
      const fields = { formKey: key, name: 'report', days: '30', 'role-viewer': 'yes' };
      expect((await form(fields)).status).toBe(403);
      expect((await form({ formKey: key, id }, '/access-tokens/revoke')).status).toBe(403);
    }
    expect(await listAccessTokens(planned.fleet)).toHaveLength(1);
  });
});
