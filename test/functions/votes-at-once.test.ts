import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { MemoryStore } from '#adapters/memory-store.ts';
import { createS3Client } from '#adapters/s3-client.ts';
import { S3Store } from '#adapters/s3-store.ts';
import { assertDecisionHolds } from '#core/approval.ts';
import { DecisionRefused } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { castVote, findDecision } from '#functions/approval/cast-vote.ts';
import { requirePlan } from '#functions/sync-documents.ts';
import { findMotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { serveS3 } from '#test/support/s3-service.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import type { Ballot, Told } from '#test/support/voter.ts';
import { type PlannedFleet, planFleet } from './planned-fleet.ts';

const VOTER = fileURLToPath(import.meta.resolve('#test/support/voter.ts'));
const PEOPLE = [
  ['manager', 'APPROVED'],
  ['bert', 'REJECTED'],
  ['outsider', 'APPROVED'],
  ['deputy', 'REJECTED'],
] as const;
const ROUNDS = 5;
const BUCKET = 'lockstep-votes';

let planned: PlannedFleet;

beforeAll(async () => {
  planned = await planFleet(1);
});

afterAll(() => planned.fleet.end());

function controlKey(): string {
  return planned.dependencies.signer.publicKey;
}

/** As much of the sync as a vote asks for, in a store of its own. */
async function copyInto(store: ObjectStore): Promise<void> {
  for (const key of [keys.request(planned.sync), keys.plan(planned.sync)]) {
    const stored = await planned.fleet.store.get(key);
    await store.create(key, stored?.body ?? expect.unreachable());
  }
}

/** There is one decision, it holds, and whoever was told one was told that; the others were told that it was too late. */
async function expectOne(store: ObjectStore, told: readonly Told[]): Promise<void> {
  const decision = await findDecision({ store }, planned.sync);
  assertDecisionHolds(await requirePlan(store, planned.sync, controlKey()), decision ?? expect.unreachable());
  const heard = told.filter(({ refused }) => refused === undefined);
  expect(heard.length).toBeGreaterThan(0);
  for (const one of heard) expect(one.decision).toEqual(decision);
  for (const { refused } of told)
    if (refused !== undefined) expect(refused).toMatch(/was (approved|rejected) already, by/);
}

async function voteAtOnce(stores: readonly ObjectStore[]): Promise<Told[]> {
  const { sync } = planned;
  const plan = await planned.fleet.planned(sync);
  return await Promise.all(
    PEOPLE.map(async ([by, decision], index): Promise<Told> => {
      const store = stores[index] ?? expect.unreachable();
      const word = { sync, plan, decision, by, via: 'test' };
      try {
        const cast = await castVote({ store, now: () => new Date(), controlKey: controlKey() }, word);
        return { decision: cast.decision };
      } catch (error) {
        if (!(error instanceof DecisionRefused)) throw error;
        return { refused: error.message };
      }
    }),
  );
}

it('four people in four processes decide at once on a folder: one decision, and everybody is told the same', async () => {
  const voters = PEOPLE.map((person) =>
    spawn(process.execPath, [VOTER, ...person], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  onTestFinished(async () => {
    for (const voter of voters) voter.stdin.end();
    await Promise.all(voters.map((voter) => voter.exitCode ?? once(voter, 'exit')));
  });
  const lines = voters.map((voter) => createInterface({ input: voter.stdout })[Symbol.asyncIterator]());
  const hear = async () => await Promise.all(lines.map(async (line) => String((await line.next()).value)));
  expect(new Set(await hear())).toEqual(new Set(['ready']));
  const plan = await planned.fleet.planned(planned.sync);
  for (let round = 0; round < ROUNDS; round++) {
    const folder = await temporaryFolder();
    const store = new DirectoryStore(folder);
    await copyInto(store);
    const ballot: Ballot = { folder, sync: planned.sync, plan, controlKey: controlKey() };
    for (const voter of voters) voter.stdin.write(`${JSON.stringify(ballot)}\n`);
    await expectOne(
      store,
      (await hear()).map((line) => JSON.parse(line) as Told),
    );
  }
});

describe('four people who decide at once in a bucket', () => {
  const CREDENTIALS = { accessKeyId: 'testing', secretAccessKey: 'testing' };

  function clientOf(endpoint: string, more: S3ClientConfig = {}) {
    const client = createS3Client({
      endpoint,
      region: 'us-east-1',
      credentials: CREDENTIALS,
      forcePathStyle: true,
      ...more,
    });
    onTestFinished(() => client.destroy());
    return client;
  }

  it('make one decision: each over a connection of his own', async () => {
    const service = await serveS3(new MemoryStore(), BUCKET);
    onTestFinished(() => service.stop());
    for (let round = 0; round < ROUNDS; round++) {
      const open = () =>
        new S3Store({ client: clientOf(`http://127.0.0.1:${service.port}`), bucket: BUCKET, prefix: `${round}` });
      const store = open();
      await copyInto(store);
      await expectOne(store, await voteAtOnce(PEOPLE.map(open)));
    }
  });

  it('make one decision in moto, too', async ({ skip }) => {
    const program = await findMotoServer();
    if (program === undefined) return skip('moto_server is not on PATH (pip install "moto[server]")');
    const moto = await startMotoServer(program);
    onTestFinished(() => moto.stop());
    // moto looks at a condition and writes in two steps, S3 in one: on one connection moto's are one too.
    const requestHandler = { httpAgent: { keepAlive: true, maxSockets: 1 }, socketAcquisitionWarningTimeout: 60_000 };
    const client = clientOf(moto.endpoint, { requestHandler });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    for (let round = 0; round < ROUNDS; round++) {
      const store = new S3Store({ client, bucket: BUCKET, prefix: `${round}` });
      await copyInto(store);
      await expectOne(store, await voteAtOnce(PEOPLE.map(() => store)));
    }
  });
});
