import { randomUUID } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { createS3Client } from '#adapters/s3-client.ts';
import { S3Store } from '#adapters/s3-store.ts';
import { sha256 } from '#core/digest.ts';
import { StoreConflict, StorePrecondition, StoreTransient } from '#core/errors.ts';
import type { ObjectStore, StoredObject } from '#core/ports/object-store.ts';
import { noise } from '#test/agents/noise.ts';
import { type Fault, FaultProxy, type StoreRequest } from '#test/support/fault-proxy.ts';
import { findMotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { serveS3 } from '#test/support/s3-service.ts';

const BUCKET = 'lockstep-faults';
const ATTEMPTS = 3;
/** Of the store, beside the attempts of the SDK. */
const REPETITIONS = 4;
/** A service that is at work is never silent for so long; one that is silent is left after as long. */
const IDLE_MILLISECONDS = { working: 20_000, silent: 6000, 'silent for good': 1000 };

const OLD = new Uint8Array(noise('old', 70_000));
const NEW = new Uint8Array(noise('new', 90_000));
/** Goes up in three parts. */
const LARGE = new Uint8Array(noise('large', 17 * 1024 ** 2));

interface FaultCase {
  readonly title: string;
  readonly fault: Fault;
  /** At which requests it can be. */
  readonly at: readonly StoreRequest[];
}

const WRITES = ['put', 'put-part', 'complete-upload'] as const;
const ALL = ['get', 'range', 'head', 'list', 'delete', ...WRITES] as const;
/** Those whose answers have bodies. */
const WITH_BODY = ['get', 'range', 'list', 'complete-upload'] as const;

const FAULTS: readonly FaultCase[] = [
  { title: 'a 500', fault: { kind: 'refused', status: 500, code: 'InternalError' }, at: ALL },
  { title: 'a 503 SlowDown', fault: { kind: 'refused', status: 503, code: 'SlowDown' }, at: ALL },
  {
    title: 'a 409 for two writes that met',
    fault: { kind: 'refused', status: 409, code: 'ConditionalRequestConflict' },
    at: ['put', 'complete-upload'],
  },
  { title: 'a connection reset in the request', fault: { kind: 'reset-in-request' }, at: ALL },
  { title: 'a service that says nothing', fault: { kind: 'silent' }, at: ALL },
  { title: 'an answer that is lost', fault: { kind: 'answer-lost' }, at: ALL },
  { title: 'a connection reset in the answer', fault: { kind: 'reset-in-body' }, at: WITH_BODY },
  { title: 'a body shorter than announced', fault: { kind: 'ended-in-body' }, at: WITH_BODY },
  { title: 'a body that comes to a halt', fault: { kind: 'silent-in-body' }, at: WITH_BODY },
  { title: 'a body cut short, its length with it', fault: { kind: 'cut-with-matching-length' }, at: WITH_BODY },
  // Of a range, and in a list, only the digests above the store tell.
  { title: 'a wrong byte on the way down', fault: { kind: 'wrong-byte-down' }, at: ['get'] },
  { title: 'a wrong byte on the way up', fault: { kind: 'wrong-byte-up' }, at: ['put', 'put-part'] },
];

interface Operation {
  readonly title: string;
  readonly requests: readonly StoreRequest[];
  /** Resolves to what a caller gets to know. */
  readonly run: (store: ObjectStore, etag: string) => Promise<unknown>;
  readonly right: unknown;
  /** What is in the store afterwards; before, it is `kept` with the old bytes. */
  readonly leaves: Readonly<Record<string, Uint8Array>>;
}

const OPERATIONS: readonly Operation[] = [
  {
    title: 'get',
    requests: ['get'],
    run: async (store) => digestOf(await store.get('kept')),
    right: sha256(OLD),
    leaves: { kept: OLD },
  },
  {
    title: 'getRange',
    requests: ['range'],
    run: async (store) => sha256((await store.getRange('kept', { offset: 1000, length: 40_000 })) ?? ''),
    right: sha256(OLD.subarray(1000, 41_000)),
    leaves: { kept: OLD },
  },
  {
    title: 'head',
    requests: ['head'],
    run: async (store) => (await store.head('kept'))?.size,
    right: OLD.length,
    leaves: { kept: OLD },
  },
  {
    title: 'list',
    requests: ['list'],
    run: async (store) => (await Array.fromAsync(store.list(''))).map(({ key, size }) => ({ key, size })),
    right: [{ key: 'kept', size: OLD.length }],
    leaves: { kept: OLD },
  },
  {
    title: 'put',
    requests: ['put'],
    run: async (store) => void (await store.put('kept', NEW)),
    right: undefined,
    leaves: { kept: NEW },
  },
  {
    title: 'create',
    requests: ['put'],
    run: async (store) => void (await store.create('new', NEW)),
    right: undefined,
    leaves: { kept: OLD, new: NEW },
  },
  {
    title: 'create of what is there',
    requests: ['put'],
    run: async (store) => await store.create('kept', OLD).catch(nameOfLostRace),
    right: 'StorePrecondition',
    leaves: { kept: OLD },
  },
  {
    title: 'replace',
    requests: ['put'],
    run: async (store, etag) => void (await store.replace('kept', NEW, etag)),
    right: undefined,
    leaves: { kept: NEW },
  },
  {
    title: 'delete',
    requests: ['delete'],
    run: async (store) => void (await store.delete('kept')),
    right: undefined,
    leaves: {},
  },
  {
    title: 'create in parts',
    requests: ['put-part', 'complete-upload'],
    run: async (store) => void (await store.create('large', LARGE)),
    right: undefined,
    leaves: { kept: OLD, large: LARGE },
  },
];

const CASES = FAULTS.flatMap((faulty) =>
  OPERATIONS.flatMap((operation) =>
    operation.requests
      .filter((request) => faulty.at.includes(request))
      .map((request) => ({ ...faulty, operation, request, where: whereOf(operation, request) })),
  ),
);

function whereOf({ requests, title }: Operation, request: StoreRequest): string {
  return requests.length > 1 ? `${title}, at ${request}` : title;
}

interface Service {
  readonly name: string;
  readonly start: () => Promise<{ readonly port: number; stop(): Promise<void> }>;
  /** Kinds of faults that this service does not notice, and why. */
  readonly blindTo: Readonly<Partial<Record<Fault['kind'], string>>>;
}

const SERVICES: Service[] = [
  { name: 'a scripted service', start: () => serveS3(new MemoryStore(), BUCKET), blindTo: {} },
];

const program = await findMotoServer();
if (program === undefined) {
  const reason = 'moto_server, a stand-in for S3, is not on PATH (pip install "moto[server]")';
  console.warn(`SKIPPED: S3Store over moto with faults in between: ${reason}`);
  test('S3Store over moto', ({ skip }) => skip(reason));
} else {
  SERVICES.push({
    name: 'moto',
    start: async () => {
      const { endpoint, stop } = await startMotoServer(program);
      const client = clientOf(endpoint);
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
      client.destroy();
      return { port: Number(new URL(endpoint).port), stop };
    },
    blindTo: { 'wrong-byte-up': 'moto compares no checksum of what it is sent' },
  });
}

describe.each(SERVICES)('S3Store, over $name,', ({ blindTo, name, start }) => {
  const cases = new EarlyCases();
  let service: Awaited<ReturnType<Service['start']>>;

  beforeAll(async () => {
    // The pauses between attempts are a random part of a longest one.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    service = await start();
    cases.start();
  });

  afterAll(async () => {
    vi.restoreAllMocks();
    await service?.stop();
  });

  for (const { at: _, ...one } of CASES) {
    const reason = blindTo[one.fault.kind];
    const title = `${one.title}: ${one.where} goes well once that is over`;
    if (reason === undefined) {
      test(
        title,
        cases.add(() => onceOver(service.port, one)),
      );
    } else {
      console.warn(`SKIPPED over ${name}: "${title}": ${reason}`);
      test(title, ({ skip }) => skip(reason));
    }
  }
});

describe('S3Store, over a service that is never well,', () => {
  const cases = new EarlyCases();
  let service: Awaited<ReturnType<Service['start']>>;

  beforeAll(async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    service = await serveS3(new MemoryStore(), BUCKET);
    cases.start();
  });

  afterAll(async () => {
    vi.restoreAllMocks();
    await service.stop();
  });

  for (const { at: _, ...one } of CASES) {
    test(
      `${one.title}: ${one.where} comes to an honest end while that lasts`,
      cases.add(() => whileItLasts(service.port, one)),
    );
  }
});

/** Most of a case is waiting: many wait at the same time. A case that is tried again is run again. */
class EarlyCases {
  readonly #runs: (() => Promise<void>)[] = [];
  readonly #early = new Map<number, Promise<void>>();

  /** What the test of this case does. */
  add(run: () => Promise<void>): () => Promise<void> {
    const index = this.#runs.push(run) - 1;
    return async () => {
      const early = this.#early.get(index);
      this.#early.delete(index);
      await (early ?? run());
    };
  }

  start(): void {
    const atOnce = pLimit(12);
    for (const [index, run] of this.#runs.entries()) {
      const early = atOnce(run);
      early.catch(() => undefined);
      this.#early.set(index, early);
    }
  }
}

type Case = Omit<(typeof CASES)[number], 'at'>;

async function onceOver(port: number, one: Case): Promise<void> {
  const { fault, operation, request } = one;
  await using scene = await setUp(port, one, 'silent');
  let left = 1;
  scene.proxy.fault = (seen) => (seen === request && left-- > 0 ? fault : undefined);
  expect(await operation.run(scene.store, scene.etag)).toEqual(operation.right);
  expect(left).toBeLessThanOrEqual(0);
  expect(await contentsOf(scene.direct)).toEqual(digestsOf(operation.leaves));
}

/** Neither a wrong answer nor a wrong object; no more attempts than were promised. */
async function whileItLasts(port: number, one: Case): Promise<void> {
  const { fault, operation, request } = one;
  await using scene = await setUp(port, one, 'silent for good');
  scene.proxy.fault = (seen) => (seen === request ? fault : undefined);
  const [outcome] = await Promise.allSettled([operation.run(scene.store, scene.etag)]);
  const left = await contentsOf(scene.direct);
  if (outcome.status === 'fulfilled') {
    // What was written is found all the same, by its mark.
    expect(operation.requests).toContain('complete-upload');
    expect(left).toEqual(digestsOf(operation.leaves));
  } else {
    const expected = fault.kind === 'refused' && fault.status === 409 ? StoreConflict : StoreTransient;
    expect(outcome.reason).toBeInstanceOf(expected);
    expect([digestsOf({ kept: OLD }), digestsOf(operation.leaves)]).toContainEqual(left);
  }
  const most = ATTEMPTS * REPETITIONS * (request === 'put-part' ? 3 : 1);
  expect(scene.proxy.seen.filter((one) => one === request).length).toBeLessThanOrEqual(most);
}

async function setUp(port: number, { fault }: Case, silent: 'silent' | 'silent for good') {
  const proxy = await FaultProxy.start(port);
  const prefix = randomUUID();
  const client = clientOf(proxy.endpoint, fault.kind.startsWith('silent') ? silent : 'working');
  const directClient = clientOf(`http://127.0.0.1:${port}`);
  const direct = new S3Store({ client: directClient, bucket: BUCKET, prefix });
  const { etag } = await direct.put('kept', OLD);
  const close = async () => {
    client.destroy();
    directClient.destroy();
    await proxy.stop();
  };
  return {
    proxy,
    direct,
    etag,
    store: new S3Store({ client, bucket: BUCKET, prefix }),
    [Symbol.asyncDispose]: close,
  };
}

function clientOf(endpoint: string, idle: keyof typeof IDLE_MILLISECONDS = 'working') {
  return createS3Client({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    forcePathStyle: true,
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: 5000, socketTimeout: IDLE_MILLISECONDS[idle] },
  });
}

async function contentsOf(store: ObjectStore): Promise<Record<string, string | undefined>> {
  const found: Record<string, string | undefined> = {};
  for await (const { key } of store.list('')) found[key] = digestOf(await store.get(key));
  return found;
}

function digestsOf(contents: Readonly<Record<string, Uint8Array>>): Record<string, string> {
  return Object.fromEntries(Object.entries(contents).map(([key, bytes]) => [key, sha256(bytes)]));
}

function digestOf(found: StoredObject | 'not-modified' | undefined): string | undefined {
  return typeof found === 'object' ? sha256(found.body) : found;
}

function nameOfLostRace(error: unknown): string {
  if (error instanceof StorePrecondition) return error.name;
  throw error;
}
