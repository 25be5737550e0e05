import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StoreExecutions } from '#adapters/store-executions.ts';
import type { AccessRole } from '#core/access-token.ts';
import { keys } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import { listSyncs } from '#functions/observe/list-syncs.ts';
import { ServedApi } from '#test/api/served-api.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { runCaptured, startCaptured } from './captured-cli.ts';
import { startStoreFleet } from './store-fleet.ts';

/** A fleet with its controller, a console, and people elsewhere who have a token of it and nothing else. */
async function startFarFleet(settings: Parameters<typeof startStoreFleet>[0] = {}) {
  const near = await startStoreFleet(settings);
  const { store } = near.fleet;
  const api = await ServedApi.serve({
    store,
    controlKey: near.fleet.signer.publicKey,
    executions: new StoreExecutions(store),
  });
  const stateFolder = join(await temporaryFolder(), 'elsewhere');
  await mkdir(stateFolder);
  const optionsOf = async (person: string, roles?: readonly AccessRole[]) => ({
    ...{ stateFolder, storeUrl: api.url, person: 'whoever' },
    token: await api.token(person, roles),
  });
  const far = async (words: string[], person = 'operator', roles?: readonly AccessRole[]) =>
    await runCaptured(words, await optionsOf(person, roles));
  const start = async (words: string[], person: string) => startCaptured(words, await optionsOf(person));
  const newestSync = async () => {
    for (;;) {
      const signal = new AbortController().signal;
      const [sync] = await listSyncs(store, { most: 1, now: new Date(), signal });
      if (sync !== undefined) return sync.request.sync;
    }
  };
  return { ...near, api, far, newestSync, start, stateFolder };
}

test('prints by way of the console what it prints by way of the store', async () => {
  const { far, run, sync } = await startFarFleet();
  const { sync: done } = await sync();
  await sync({
    policy: { mode: 'overwrite', allowShrink: false, dryRun: true, approvals: 1, requesterMayApprove: false },
  });
  for (const words of [['status', done], ['history'], ['history', '--limit', '1'], ['watch', done], ['status']]) {
    const near = await run(...words, '--json');
    const there = await far([...words, '--json']);
    expect(near.out, words.join(' ')).toContain(
      words[0] === 'status' && words.length === 1 ? 'west/backup' : done.slice(0, 9),
    );
    const steady = (text: string) => text.replaceAll(/"seenAt": ?"[^"]*"|"lookedAt": ?"[^"]*"/g, '');
    expect({ ...there, out: steady(there.out), err: '' }).toEqual({ ...near, out: steady(near.out), err: '' });
  }
  expect((await far(['history'])).out).toBe((await run('history')).out);
});

test('a sync is started, and waits for the approval of somebody else, who gives it from elsewhere', async () => {
  const { far, newestSync, start, fleet } = await startFarFleet();
  const running = await start(['sync', 'west/primary', 'west/backup', '--yes', '--json'], 'requester');
  await running.saying('lockstep approve');
  const sync = await newestSync();
  const code = shortCode(await fleet.planned(sync));
  const own = await far(['approve', sync, '--yes'], 'requester');
  expect(own.err).toContain('requester asked for this sync and so cannot approve it');
  expect(own.exitStatus).toBe(3);
  const other = await far(['approve', sync, '--yes', '--plan', '0000-0000'], 'approver');
  expect(other.err).toContain(`has plan ${code}`);
  const approval = await far(
    ['approve', sync, '--plan', code, '--yes', '--json', '--comment', 'looks right'],
    'approver',
  );
  expect(JSON.parse(approval.out)).toMatchObject({ sync, vote: 'APPROVED', by: 'approver', decision: 'APPROVED' });
  const { err, exitStatus, out } = await running.done;
  expect(err).toContain('requester asked for this sync and so cannot approve it');
  expect(JSON.parse(out)).toMatchObject({ sync, verdict: 'SUCCEEDED', destinations: [{ server: 'west/backup' }] });
  expect(exitStatus).toBe(0);
});

test('a sync that is rejected ends with 3, as it does by way of the store', async () => {
  const { far, fleet, newestSync, start } = await startFarFleet();
  const running = await start(['sync', 'west/primary', 'west/backup', '--yes'], 'requester');
  await running.saying('lockstep approve');
  const sync = await newestSync();
  await fleet.planned(sync);
  expect(await far(['reject', sync, '--yes'], 'approver')).toMatchObject({ exitStatus: 0 });
  const { exitStatus, out } = await running.done;
  expect(out).toContain('Rejected: nothing was written at any destination.');
  expect(exitStatus).toBe(3);
});

test.for(['store', 'console'])('a sync is stopped by way of the %s, and says so', async (way) => {
  const { far, fleet, run } = await startFarFleet();
  const sync = await fleet.request({ notify: [] });
  await fleet.planned(sync);
  const cancel = way === 'store' ? await run('cancel', sync, '--json') : await far(['cancel', sync, '--json']);
  expect(JSON.parse(cancel.out)).toEqual({ sync, cancelled: true });
  expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'FAILED', detail: 'the sync was cancelled' });
  const again = way === 'store' ? await run('cancel', sync) : await far(['cancel', sync]);
  expect(again.err).toContain('has ended; nothing is left to stop');
  expect(again.exitStatus).toBe(3);
});

test('a plan without an approval only shows the differences', async () => {
  const { far } = await startFarFleet();
  const { exitStatus, out } = await far(['plan', 'west/primary', 'west/backup', '--mirror', '--json'], 'requester');
  expect(JSON.parse(out)).toMatchObject({ verdict: 'PLANNED', mode: 'mirror', differences: [{ outcome: 'changes' }] });
  expect(exitStatus).toBe(0);
});

test('what is wrong with a wish is said by the console, and ends with 2', async () => {
  const { far } = await startFarFleet();
  for (const [words, problem] of [
    [['sync', 'west/primary', 'west/nobody', '--yes'], 'There is no server west/nobody'],
    [['sync', './primary', './backup', '--yes'], './primary is no server'],
    [['sync'], 'name a source and at least one destination'],
    [['status', '20260102T030405Z-0a1b2c3d'], 'there is no sync 20260102T030405Z-0a1b2c3d'],
    [['prune', '--yes'], 'is a console: name the store with --store'],
    [['history', 'west/backup'], 'is a console: name the store with --store'],
    [['verify', 'west/backup'], 'is a console: name the store with --store'],
    [['rollback', '20260102T030405Z-0a1b2c3d', '--yes'], 'is a console: name the store with --store'],
  ] as const) {
    const { err, exitStatus } = await far([...words]);
    expect(err).toContain(problem);
    expect(exitStatus).toBe(2);
  }
});

test('a token is taken from the environment or a file, and one is needed', async () => {
  const { api, stateFolder } = await startFarFleet();
  const [none, file] = [{ stateFolder, storeUrl: api.url }, join(stateFolder, 'token')];
  expect((await runCaptured(['status'], none)).err).toContain('is a console, and wants a token');
  await writeFile(file, `${await api.token('operator')}\n`);
  expect((await runCaptured(['status', '--token-file', file, '--json'], none)).exitStatus).toBe(0);
  expect((await runCaptured(['status', '--store', `${api.url}/path`, '--token-file', file], none)).err).toContain(
    'nor the address of a console',
  );
  const unknown = await runCaptured(['status'], { ...none, token: `lockstep_${'A'.repeat(43)}` });
  expect(unknown.err).toContain('This token is not good');
  expect(unknown.exitStatus).toBe(2);
});

test('a token that only looks starts, stops and decides nothing', async () => {
  const { far, fleet } = await startFarFleet();
  const sync = await fleet.request({ notify: [] });
  await fleet.planned(sync);
  for (const words of [
    ['approve', sync, '--yes'],
    ['cancel', sync],
    ['sync', 'west/primary', 'west/backup', '--yes'],
  ]) {
    const { err, exitStatus } = await far(words, 'looker', ['viewer']);
    expect(err).toMatch(/It takes the role (approver|operator), which this token of looker has not/);
    expect(exitStatus).toBe(3);
  }
  expect(await fleet.store.head(keys.cancelled(sync))).toBeUndefined();
});

test('a token is made, listed and revoked where the store is; the store never holds it', async () => {
  const { api, fleet, run, runJson, stateFolder } = await startFarFleet();
  const made = await runJson('token', 'create', '--name', 'report', '--role', 'viewer', '--days', '7');
  const { id, token } = made.document;
  expect(made.document).toMatchObject({ name: 'report', person: 'operator', roles: ['viewer'] });
  expect(made.err).toBe('');
  const plain = await run('token', 'create', '--name', 'other', '--role', 'viewer');
  expect(plain.out).toMatch(/^lockstep_[\w-]{43}\n$/);
  for await (const { key } of fleet.store.list('')) {
    const stored = await fleet.store.get(key);
    expect(`${key} ${Buffer.from(stored?.body ?? []).toString('latin1')}`).not.toContain(token);
  }
  const asking = { stateFolder, storeUrl: api.url, token };
  expect((await runCaptured(['history'], asking)).exitStatus).toBe(0);
  expect((await run('token', 'list')).out).toContain('report');
  expect((await run('token', 'revoke', id)).exitStatus).toBe(0);
  expect((await runCaptured(['history'], asking)).err).toContain('unknown, was revoked, or has expired');
  expect((await run('token', 'revoke', id)).exitStatus).toBe(2);
});

/** Something that is no console, or does not behave like one. */
async function serveInstead(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function askInstead(url: string) {
  const token = `lockstep_${'A'.repeat(43)}`;
  return await runCaptured(['status'], { stateFolder: await temporaryFolder(), storeUrl: url, token });
}

test('follows no redirect, for the token would go along', async () => {
  const heard: (string | undefined)[] = [];
  const elsewhere = await serveInstead(({ headers }, response) => {
    heard.push(headers.authorization);
    response.end('{}');
  });
  const url = await serveInstead((_, response) =>
    response.writeHead(307, { Location: `${elsewhere}/api/v1/me` }).end(),
  );
  const { err, exitStatus } = await askInstead(url);
  expect(err).toContain(`sends on to ${elsewhere}/api/v1/me, where the token is not sent`);
  expect({ exitStatus, heard }).toEqual({ exitStatus: 2, heard: [] });
});

test('reads on from page to page, as far as it was asked to', async () => {
  const asked: string[] = [];
  const past = (index: number) => ({
    ...{
      sync: `20260102T030405Z-${String(index).padStart(8, '0')}`,
      requestedBy: 'ann',
      requestedAt: '2026-01-02T03:04:05Z',
    },
    ...{ source: 'west/primary', destinations: ['west/backup'], mode: 'overwrite', dryRun: false },
    ...{ verdict: null, plan: null, exitStatus: null },
  });
  const url = await serveInstead(({ url: path = '' }, response) => {
    const { pathname, searchParams } = new URL(path, 'http://console');
    asked.push(`${pathname}${searchParams}`);
    response.setHeader('Content-Type', 'application/json');
    if (pathname === '/api/v1/me') {
      response.end(JSON.stringify({ person: 'ann', roles: ['viewer'], groups: [], method: 'token' }));
      return;
    }
    const first = Number(searchParams.get('before')?.slice(-8) ?? '1000');
    const syncs = Array.from({ length: Number(searchParams.get('limit')) }, (_, index) => past(first - 1 - index));
    response.end(JSON.stringify({ syncs, next: syncs.at(-1)?.sync }));
  });
  const token = `lockstep_${'A'.repeat(43)}`;
  const words = ['history', '--limit', '450', '--json'];
  const { out } = await runCaptured(words, { stateFolder: await temporaryFolder(), storeUrl: url, token });
  const seen = JSON.parse(out).syncs.map(({ sync }: { sync: string }) => sync);
  expect(seen).toEqual(Array.from({ length: 450 }, (_, index) => past(999 - index).sync));
  expect(asked).toHaveLength(4);
});

test('says what an answer is that no console gives, and does not print it', async () => {
  const page = '<html><b>\u001b[31mGateway</b></html>';
  const proxy = await serveInstead((_, response) => response.writeHead(403, { 'Content-Type': 'text/html' }).end(page));
  const refused = await askInstead(proxy);
  expect(refused.err).toContain('it answered 403 with text/html, which is not what the API of a console says');
  expect(refused.err).not.toContain('Gateway');
  const liar = await serveInstead((_, response) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"person":7}'),
  );
  const believed = await askInstead(liar);
  expect(believed.err).toContain('the answer of');
  expect(believed.err).toContain('is not valid');
  expect([refused.exitStatus, believed.exitStatus]).toEqual([1, 1]);
  const nobody = await askInstead('http://127.0.0.1:1');
  expect(nobody.err).toContain('it was not reached');
  expect(nobody.exitStatus).toBe(1);
});
