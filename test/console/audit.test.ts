import { afterEach, beforeEach, expect, it } from 'vitest';
import { auditSchema } from '#core/audit.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys } from '#core/keys.ts';
import { shortCode } from '#core/plan.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { ConsoleUnderTest } from './browser.ts';

let planned: PlannedFleet;
let underTest: ConsoleUnderTest;

beforeEach(async () => {
  planned = await planFleet(1);
  const { signer, store } = planned.dependencies;
  underTest = new ConsoleUnderTest({ store, controlKey: signer.publicKey, addressOf: () => '192.0.2.7' });
});

afterEach(() => planned.fleet.end());

async function audited() {
  const { store } = planned.dependencies;
  const records = [];
  for await (const { key } of store.list('audit/')) {
    const { body = new Uint8Array() } = (await store.get(key)) ?? {};
    records.push(parseDocument(key, auditSchema, body));
  }
  return records.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

it('holds a decision that was refused, and the one that counted: who, what, how known, from where', async () => {
  const { sync } = planned;
  const plan = await planned.fleet.planned(sync);
  const path = `/approvals/${sync}`;
  const common = { person: 'approver', method: 'link', address: '192.0.2.7', sync, via: 'console' };
  const approver = underTest.signIn('approver');
  await approver.submit(path, { code: '0000-0000', decision: 'APPROVED' });
  await approver.submit(path, { code: shortCode(plan), decision: 'APPROVED' });
  const [refused, decision] = await audited();
  expect(refused).toMatchObject({ ...common, event: 'decision-refused', plan, status: 409 });
  expect(refused?.reason).toContain('the short code that was typed is not that of the plan');
  expect(decision).toEqual({
    ...common,
    ...{ event: 'decision', format: 'lockstep-audit/1', at: expect.any(String) },
    ...{ plan, vote: 'APPROVED', decided: 'APPROVED' },
  });
});

it('holds the stop of a sync, and what else somebody has begun', async () => {
  const { sync } = planned;
  const sites = { 'plant-a': { servers: ['source', 'tm1'] } };
  const { store } = planned.dependencies;
  await store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
  const operator = underTest.signIn('operator', ['viewer', 'operator']);
  const formKey = /name="formKey" value="([^"]*)"/.exec((await operator.get('/help')).text)?.[1] ?? '';
  const begin = { action: 'begin', source: 'plant-a/source', destination: 'plant-a/tm1' };
  for (const [path, fields] of [
    [`/syncs/${sync}/stop`, {}],
    ['/servers/plant-a/tm1/verify', {}],
    ['/synchronize', begin],
  ] as const)
    expect((await operator.post(path, { ...fields, formKey })).status).toBe(303);
  const records = await audited();
  expect(records.map(({ event }) => event).toSorted()).toEqual([
    'sync-started',
    'sync-stopped',
    'verification-started',
  ]);
  expect(records).toContainEqual(expect.objectContaining({ event: 'sync-stopped', sync, person: 'operator' }));
  expect(records).toContainEqual(expect.objectContaining({ event: 'verification-started', server: 'plant-a/tm1' }));
});
