import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadProfile } from '#adapters/profile-file.ts';
import { type Permission, readPermissions } from '#cdk/permission-table.ts';
import { sha256 } from '#core/digest.ts';
import { keys, orderId } from '#core/keys.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { syncIdSchema } from '#core/sync.ts';
import { cancelSync } from '#functions/cancel-sync.ts';
import type { SyncWish } from '#functions/request-sync.ts';
import { readChain } from '#functions/verification/read-chain.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { AwsFleet, certificateOf } from './aws-fleet.ts';
import { isAllowed } from './policy-judge.ts';
import { type SynthesisedStack, synthesise } from './synthesised.ts';

let stack: SynthesisedStack;
let permissions: readonly Permission[];

beforeAll(() => {
  stack = synthesise();
  permissions = readPermissions(stack.template);
});

describe('a fleet on the stack, everybody with no more than the permissions of his role', () => {
  let fleet: AwsFleet;
  let folder: string;
  let source: ServerId;
  let destination: ServerId;

  beforeEach(async () => {
    folder = await temporaryFolder();
    fleet = new AwsFleet(stack);
    await fleet.open();
    source = await add('plant-a/tm1', { 'TermCap.db': noise(900_000), 'new.xml': '<new/>', 'Licenses/a.lic': 'a' });
    destination = await add('plant-b/tm1', { 'TermCap.db': noise(800_000), 'gone.xml': '<gone/>' });
  });

  afterEach(() => fleet.close());

  async function add(id: string, tree: Tree): Promise<ServerId> {
    const root = join(folder, id);
    writeTree(root, tree);
    const profile = await loadProfile('generic');
    return await fleet.addAgent(id, { root, stateFolder: join(folder, 'state', id), profile });
  }

  function wish(more: Partial<SyncWish> = {}): Omit<SyncWish, 'requestedBy' | 'notify'> {
    return {
      source,
      destinations: [destination],
      policy: { mode: 'mirror', allowShrink: true, dryRun: false, approvals: 1, requesterMayApprove: false },
      waveSize: 10,
      errorBudget: 0,
      timeouts: { offlineSeconds: 20, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
      ...more,
    };
  }

  async function run(wanted = wish(), decision: 'APPROVED' | 'REJECTED' = 'APPROVED'): Promise<string> {
    const sync = await fleet.request(wanted);
    await fleet.decide(sync, decision);
    return (await fleet.verdict(sync)).verdict;
  }

  it('syncs, syncs again what has changed, verifies, rolls back and sweeps: nobody lacks a permission', async () => {
    expect(await run()).toBe('SUCCEEDED');
    writeFileSync(join(folder, 'plant-a/tm1/new.xml'), '<newer/>');
    const second = await fleet.request(wish());
    await fleet.decide(second, 'APPROVED');
    expect(await fleet.verdict(second)).toMatchObject({ verdict: 'SUCCEEDED' });

    const { policy } = wish();
    const verified = await fleet.request(
      wish({ policy: { ...policy, mode: 'overwrite', dryRun: true, verify: true } }),
    );
    expect(await fleet.verdict(verified)).toMatchObject({ verdict: 'VERIFIED' });
    expect(await run(wish({ rollbackOf: second, policy: { ...policy, mode: 'rollback' } }))).toBe('SUCCEEDED');

    const sweep = { keep: 1, keepDays: 0, graceDays: 0 };
    expect((await fleet.prune(sweep)).counts.snapshot.removed.objects).toBeGreaterThan(0);
    const store = fleet.storeOf('PeopleOperators');
    const chain = await readChain({ store, controlKey: fleet.controlKey, server: destination }, 100);
    expect(chain.map(({ signature }) => signature)).not.toContain('bad');
    expect([...fleet.denied]).toEqual([]);
  });

  it('halts, finds drift and repeats steps that were answered before, without asking for more', async () => {
    const another = await add('plant-b/tm2', { 'TermCap.db': 'old' });
    const halted = await fleet.request(wish({ destinations: [destination, another], waveSize: 1 }));
    await fleet.planned(halted);
    writeFileSync(join(folder, 'plant-b/tm1/gone.xml'), '<edited/>');
    await fleet.decide(halted, 'APPROVED');
    expect(await fleet.verdict(halted)).toMatchObject({ verdict: 'HALTED' });

    const sync = await fleet.request(wish());
    await fleet.planned(sync);
    for (let attempt = 0; attempt < 2; attempt++) await fleet.repeat('Approval', { step: 'remind', sync });
    expect(await fleet.storeOf('PeopleOperators').head(keys.approvalReminded(sync))).toBeDefined();
    await fleet.decide(sync, 'APPROVED');
    expect(await fleet.verdict(sync)).toMatchObject({ verdict: 'SUCCEEDED' });
    await fleet.repeat('Inventory', { step: 'take', sync, server: source, token: 'another attempt' });
    await fleet.repeat('Approval', { sync, token: 'another attempt' });

    writeFileSync(join(folder, 'plant-b/tm1/new.xml'), '<drifted/>');
    const { policy } = wish();
    const verified = await fleet.request(
      wish({ policy: { ...policy, mode: 'overwrite', dryRun: true, verify: true } }),
    );
    expect(await fleet.verdict(verified)).toMatchObject({ verdict: 'DRIFTED' });
    expect([...fleet.denied]).toEqual([]);
  });

  it('rejects, cancels, and plans in batches with servers that never answer, without asking for more', async () => {
    expect(await run(wish(), 'REJECTED')).toBe('REJECTED');

    const cancelled = await fleet.request(wish());
    await fleet.planned(cancelled);
    const dependencies = { store: fleet.storeOf('PeopleOperators'), now: () => new Date() };
    await cancelSync(dependencies, { sync: cancelled, by: 'operator' });
    expect(await fleet.verdict(cancelled)).toMatchObject({ verdict: 'FAILED' });

    const absent = Array.from({ length: 60 }, (_, index) => serverIdSchema.parse(`plant-c/tm${index}`));
    const timeouts = { offlineSeconds: 2, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 };
    const many = wish({ destinations: [destination, ...absent], timeouts, errorBudget: 0, waveSize: 1 });
    expect(await run(many)).toBe('FAILED');
    expect([...fleet.denied]).toEqual([]);
  });
});

describe('an agent', () => {
  const server = serverIdSchema.parse('plant-a/tm1');
  const other = serverIdSchema.parse('plant-a/tm2');
  const sync = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
  const digest = sha256('anything');
  const create = { 's3:if-none-match': '*', 's3:ObjectCreationOperation': 'true' };
  const overwrite = { 's3:ObjectCreationOperation': 'true' };

  function may(
    action: string,
    key: string,
    context: Readonly<Record<string, string>> = {},
    tags = certificateOf(server),
  ) {
    const resource = `StoreBucket/${key}`;
    return isAllowed(permissions, { who: 'AgentsRole', action, resource, context: { ...tags, ...context } });
  }

  it('reads and writes what is its own', () => {
    const receipt = keys.receipt(server, orderId(sync, 'apply', server));
    expect(may('s3:PutObject', receipt, create)).toBe(true);
    expect(may('s3:PutObject', keys.status(server), overwrite)).toBe(true);
    expect(may('s3:GetObject', keys.currentOrder(server))).toBe(true);
    expect(may('s3:GetObject', keys.part(sync, server, digest))).toBe(true);
    expect(may('s3:GetObject', keys.pack(digest))).toBe(true);
  });

  it.each([
    ['of another server, its status', keys.status(other)],
    ['of another server, its receipts', keys.receipt(other, orderId(sync, 'apply', other))],
    ['of another server, its manifests', keys.manifest(other, digest)],
    ['of another server, its parts', keys.part(sync, other, digest)],
    ['task tokens', keys.token(orderId(sync, 'apply', server))],
    ['plans', keys.plan(sync)],
    ['decisions', keys.decision(sync)],
    ['baselines', keys.baseline(server)],
    ['the fleet file', keys.fleet()],
  ])('neither reads nor writes %s', (_, key) => {
    expect(may('s3:GetObject', key)).toBe(false);
    expect(may('s3:PutObject', key, create)).toBe(false);
  });

  it('gives itself no order, and withdraws none', () => {
    expect(may('s3:PutObject', keys.currentOrder(server), overwrite)).toBe(false);
    expect(may('s3:PutObject', keys.order(server, 7), create)).toBe(false);
    expect(may('s3:PutObject', keys.withdrawn(server, orderId(sync, 'apply', server)), create)).toBe(false);
    expect(may('s3:PutObject', keys.controlKey(), create)).toBe(false);
  });

  it('replaces no receipt, pack, index, snapshot or enrolment: the bucket refuses a write without If-None-Match', () => {
    const once = [
      keys.receipt(server, orderId(sync, 'apply', server)),
      ...[keys.pack(digest), keys.index(digest), keys.snapshot(digest), keys.enrolment(server)],
    ];
    for (const key of once) {
      expect(may('s3:PutObject', key, overwrite), key).toBe(false);
      expect(may('s3:PutObject', key, { ...overwrite, 's3:if-match': 'etag' }), key).toBe(false);
      expect(may('s3:PutObject', key, create), key).toBe(true);
      // Of an upload in parts, the parts: only its completion carries the condition.
      expect(may('s3:PutObject', key, { 's3:ObjectCreationOperation': 'false' }), key).toBe(true);
    }
  });

  it('may put a whole manifest into the place of a delta whose base is gone', () => {
    expect(may('s3:PutObject', keys.manifest(server, digest), overwrite)).toBe(true);
  });

  it('lists nothing, removes nothing, and knows no Step Functions', () => {
    const own = permissions.filter(({ who }) => who === 'AgentsRole');
    const actions = new Set(own.flatMap((one) => one.actions));
    expect([...actions].toSorted()).toEqual(
      ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject', 'kms:Decrypt', 'kms:GenerateDataKey'].toSorted(),
    );
    expect(own.every(({ effect }) => effect === 'Allow')).toBe(true);
  });

  it('is nobody without both names in its certificate, or over a connection without TLS', () => {
    const [site, name] = Object.entries(certificateOf(server));
    for (const tags of [{}, Object.fromEntries([site ?? []]), Object.fromEntries([name ?? []])]) {
      expect(may('s3:GetObject', keys.currentOrder(server), {}, tags as Record<string, string>)).toBe(false);
    }
    expect(may('s3:GetObject', keys.currentOrder(server), { 'aws:SecureTransport': 'false' })).toBe(false);
    expect(may('s3:GetObject', keys.currentOrder(server), { 's3:TlsVersion': '1.1' })).toBe(false);
  });
});

describe('people', () => {
  const sync = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
  const create = { 's3:if-none-match': '*', 's3:ObjectCreationOperation': 'true' };

  function may(who: string, action: string, key: string): boolean {
    return isAllowed(permissions, { who, action, resource: `StoreBucket/${key}`, context: create });
  }

  it('who ask do not decide, and who decide do not ask', () => {
    expect(may('PeopleOperators', 's3:PutObject', keys.request(sync))).toBe(true);
    expect(may('PeopleOperators', 's3:PutObject', keys.vote(sync, sha256('operator')))).toBe(false);
    expect(may('PeopleOperators', 's3:PutObject', keys.decision(sync))).toBe(false);
    expect(may('PeopleApprovers', 's3:PutObject', keys.decision(sync))).toBe(true);
    expect(may('PeopleApprovers', 's3:PutObject', keys.request(sync))).toBe(false);
  });

  it.each(['PeopleOperators', 'PeopleApprovers', 'PeopleFleetManagers'])(
    '%s see no task token and sign nothing',
    (who) => {
      expect(may(who, 's3:GetObject', keys.token(`${sync}-approval`))).toBe(false);
      const own = permissions.filter((one) => one.who === who).flatMap(({ actions }) => actions);
      expect(own.filter((action) => /^states:|Delete|^kms:Sign/.test(action))).toEqual([]);
    },
  );
});

/** The same bytes each time, and nothing that compresses. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let seed = 1;
  for (let at = 0; at < length; at++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = seed >>> 24;
  }
  return bytes;
}
