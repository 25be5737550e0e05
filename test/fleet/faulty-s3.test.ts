import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { createS3Client } from '#adapters/s3-client.ts';
import { S3Store } from '#adapters/s3-store.ts';
import { sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { Control, DESTINATION, SOURCE } from '#test/agents/control.ts';
import { noise } from '#test/agents/noise.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type Fault, FaultProxy, type StoreRequest } from '#test/support/fault-proxy.ts';
import { type S3Service, serveS3 } from '#test/support/s3-service.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, writeTree } from '#test/support/trees.ts';

/** The same faults in the same order; which request meets which is a matter of time. */
const SEED = process.env.FAULT_SEED ?? randomBytes(4).toString('hex');
/** Of all requests. */
const FAULTY_SHARE = 0.15;

const ANYWHERE: readonly Fault[] = [
  { kind: 'refused', status: 500, code: 'InternalError' },
  { kind: 'refused', status: 503, code: 'ServiceUnavailable' },
  { kind: 'reset-in-request' },
  { kind: 'answer-lost' },
  { kind: 'silent' },
];
const IN_A_BODY: readonly Fault[] = [
  { kind: 'reset-in-body' },
  { kind: 'ended-in-body' },
  { kind: 'cut-with-matching-length' },
  { kind: 'silent-in-body' },
];
/** In a list, where no digest is, a wrong byte would be believed. */
const POSSIBLE: Readonly<Partial<Record<StoreRequest, readonly Fault[]>>> = {
  get: [...ANYWHERE, ...IN_A_BODY, { kind: 'wrong-byte-down' }],
  range: [...ANYWHERE, ...IN_A_BODY, { kind: 'wrong-byte-down' }],
  list: [...ANYWHERE, ...IN_A_BODY],
  put: [...ANYWHERE, { kind: 'refused', status: 409, code: 'ConditionalRequestConflict' }, { kind: 'wrong-byte-up' }],
};

let memory: ObjectStore;
let service: S3Service;
let proxy: FaultProxy;
let faulty: ObjectStore;
let met: Map<Fault['kind'], number>;

beforeEach(async () => {
  memory = new MemoryStore();
  service = await serveS3(memory, 'fleet');
  proxy = await FaultProxy.start(service.port);
  met = new Map();
  const client = createS3Client({
    endpoint: proxy.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    forcePathStyle: true,
    requestHandler: { connectionTimeout: 5000, socketTimeout: 1000 },
  });
  faulty = new S3Store({ client, bucket: 'fleet', prefix: '' });
});

afterEach(async () => {
  await proxy.stop();
  await service.stop();
});

function expectLockstep(source: string, destination: string): void {
  const { 'x.lic': _, ...released } = readTree(source);
  const { 'x.lic': own, ...found } = readTree(destination);
  expect(found).toEqual(released);
  expect(own).toContain(sha256('ours'));
}

function beginFaults(): void {
  let drawn = 0;
  const draw = () => Number.parseInt(sha256(`${SEED} ${drawn++}`).slice(0, 8), 16) / 2 ** 32;
  proxy.fault = (request) => {
    const possible = POSSIBLE[request] ?? ANYWHERE;
    const fault = draw() < FAULTY_SHARE ? possible[Math.floor(draw() * possible.length)] : undefined;
    if (fault !== undefined) met.set(fault.kind, (met.get(fault.kind) ?? 0) + 1);
    return fault;
  };
}

describe(`a sync over S3 where every seventh request fails in some way (FAULT_SEED=${SEED})`, () => {
  it('brings a destination to the very bytes of the source, twice', async () => {
    const folder = await temporaryFolder();
    const [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
    const control = new Control(memory);
    const small = Array.from({ length: 40 }, (_, index) => [`many/${index}.txt`, `text ${index} `.repeat(index * 20)]);
    const first = {
      'firmware/a.bin': noise('a', 5_000_000),
      'b.ini': 'new',
      'x.lic': 'theirs',
      ...Object.fromEntries(small),
    };
    writeTree(source, first);
    writeTree(destination, { 'b.ini': 'old', 'x.lic': 'ours' });
    control.start(SOURCE, source, { store: faulty });
    control.start(DESTINATION, destination, { store: faulty });
    beginFaults();
    await control.apply(await control.plan());
    expectLockstep(source, destination);

    const edited = Buffer.from(first['firmware/a.bin']).fill('edited', 2_000_000, 2_000_600);
    writeTree(source, { 'firmware/a.bin': edited, 'many/7.txt': 'another text' });
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
    expectLockstep(source, destination);
    for await (const { key } of memory.list(keys.packs())) {
      expect(sha256((await memory.get(key))?.body ?? '')).toBe(key.split('/').at(-1));
    }
    expect([...met.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
  });

  it('is led to one verdict by its controller, each server told once', async () => {
    const fleet = new FakeFleet(memory);
    const OLD = [file('a.cfg', 'a'), file('x.lic', 'mine', 'license')];
    for (const [index, entries] of [[file('a.cfg', 'A')], OLD, OLD].entries())
      await fleet.add(`plant-a/tm${index}`, entries);
    beginFaults();
    await fleet.start(faulty);
    const patient = { offlineSeconds: 600, inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 };
    const sync = await fleet.request({ waveSize: 1, timeouts: patient });
    await fleet.vote(sync, 'APPROVED');
    expect(await fleet.verdict(sync), fleet.logged.join('\n')).toMatchObject({ verdict: 'SUCCEEDED' });
    await fleet.until(async () => (await memory.head(keys.execution(sync))) === undefined);
    const steps = [...fleet.agents.values()].map(({ obeyed }) => obeyed.map(({ step }) => step));
    expect(steps).toEqual([['inventory'], ['inventory', 'apply'], ['inventory', 'apply']]);
    expect([...met.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
    proxy.fault = () => undefined;
    await fleet.end();
  });
});

describe('an agent over S3', () => {
  it('fetches a range again that came with a wrong byte, before it calls the store damaged', async () => {
    const folder = await temporaryFolder();
    const [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
    const control = new Control(memory);
    writeTree(source, { 'firmware/a.bin': noise('a', 300_000) });
    writeTree(destination, {});
    control.start(SOURCE, source);
    control.start(DESTINATION, destination, { store: faulty });
    let bent = 0;
    proxy.fault = (request) => (request === 'range' && bent++ === 0 ? { kind: 'wrong-byte-down' } : undefined);
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(bent).toBeGreaterThan(1);
    expect(readTree(destination)).toEqual(readTree(source));
  });
});
