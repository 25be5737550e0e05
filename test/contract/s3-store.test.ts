import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { openStore } from '#adapters/open-store.ts';
import { S3Store } from '#adapters/s3-store.ts';
import { findMotoServer, type MotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { describeObjectStore } from './object-store.contract.ts';

const BUCKET = 'lockstep-contract';

const program = await findMotoServer();

if (program === undefined) {
  const reason = 'moto_server, a stand-in for S3, is not on PATH (pip install "moto[server]")';
  console.warn(`SKIPPED: S3Store over the wire: ${reason}`);
  test('S3Store keeps the promises of an object store', ({ skip }) => skip(reason));
} else {
  let server: MotoServer;
  let client: S3Client;

  beforeAll(async () => {
    server = await startMotoServer(program);
    client = new S3Client({
      endpoint: server.endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
      forcePathStyle: true,
      // moto looks at a condition and writes in two steps, S3 in one: on one connection moto's are one too.
      requestHandler: { httpAgent: { keepAlive: true, maxSockets: 1 }, socketAcquisitionWarningTimeout: 60_000 },
    });
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  });

  afterAll(async () => {
    client?.destroy();
    await server?.stop();
  });

  describeObjectStore('S3Store', {
    open: async () => new S3Store({ client, bucket: BUCKET, prefix: randomUUID() }),
    gaps: {
      'refuses to replace a version that has changed by a large object':
        'moto takes no notice of If-Match when an upload in parts is completed; ' +
        'that it is sent is read on the wire in test/adapters/s3-store.test.ts',
    },
  });

  test("openStore finds the service by the SDK's own variables", async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint.replace('127.0.0.1', 'localhost'));
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const store = await openStore(`s3://${BUCKET}/by-url`);
    const { etag } = await store.create('a', new Uint8Array([1]));
    expect(await store.get('a')).toEqual({ body: new Uint8Array([1]), etag });
    const whole = new S3Store({ client, bucket: BUCKET, prefix: '' });
    expect((await whole.head('by-url/a'))?.etag).toBe(etag);
  });
}
