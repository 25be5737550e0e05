import { CreateBucketCommand, DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { createS3Client } from '#adapters/s3-client.ts';
import { S3Retention } from '#adapters/s3-retention.ts';
import { hold } from '#functions/hold/hold.ts';
import { findMotoServer, startMotoServer } from '#test/support/moto-server.ts';

const NOW = new Date('2026-01-02T03:04:05.000Z');
const moto = await findMotoServer();

beforeEach((context) => {
  context.skip(moto === undefined, 'moto_server is not on the PATH: pip install "moto[server]", then run this again');
});

async function openBucket() {
  const { endpoint, stop } = await startMotoServer(moto ?? '');
  onTestFinished(stop);
  const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
  const client = createS3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: 'held', ObjectLockEnabledForBucket: true }));
  await client.send(new PutObjectCommand({ Bucket: 'held', Key: 'receipt.json', Body: '{}' }));
  return client;
}

it('holds a record for its days; the version cannot be removed, and to be told again changes nothing', async () => {
  const client = await openBucket();
  const retention = new S3Retention(client, { bucket: 'held', mode: 'COMPLIANCE', days: 365 });
  await hold({ retention, now: () => NOW, log: () => undefined }, 'receipt.json');
  await hold({ retention, now: () => NOW, log: () => undefined }, 'receipt.json');

  const target = { Bucket: 'held', Key: 'receipt.json' };
  const { ObjectLockMode, ObjectLockRetainUntilDate, VersionId } = await client.send(new HeadObjectCommand(target));
  expect({ ObjectLockMode, until: ObjectLockRetainUntilDate?.toISOString() }).toEqual({
    ObjectLockMode: 'COMPLIANCE',
    until: '2027-01-02T03:04:05.000Z',
  });
  const removal = new DeleteObjectCommand({ ...target, ...(VersionId && { VersionId }) });
  await expect(client.send(removal)).rejects.toMatchObject({ name: 'AccessDenied' });
});

it('says which object could not be held', async () => {
  const client = await openBucket();
  const retention = new S3Retention(client, { bucket: 'held', mode: 'GOVERNANCE', days: 1 });
  await expect(retention.hold('absent.json', NOW)).rejects.toThrow('absent.json');
});
