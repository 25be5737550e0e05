import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openStore } from '#adapters/open-store.ts';
import { openS3Client } from '#adapters/s3-client.ts';
import { sha256 } from '#core/digest.ts';
import { findMotoServer, startMotoServer } from '#test/support/moto-server.ts';
import { contents } from './contents.ts';
import { beginPair } from './windows-pair.ts';

const BUCKET = 'lockstep-windows';

describe('a server on Windows', () => {
  it('is brought into lockstep through an S3 endpoint, with nothing but outbound requests', async ({ skip }) => {
    const program = await findMotoServer();
    if (program === undefined)
      return skip('moto_server, a stand-in for S3, is not on PATH (pip install "moto[server]")');
    const server = await startMotoServer(program);
    onTestFinished(() => server.stop());
    vi.stubEnv('AWS_ENDPOINT_URL_S3', server.endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
    onTestFinished(() => void vi.unstubAllEnvs());
    const client = await openS3Client();
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
    client.destroy();

    const url = `s3://${BUCKET}`;
    const { control, destination, source } = await beginPair(
      { 'a.cfg': 'new', 'Boot Files/kernel.bin': 'kernel'.repeat(50_000) },
      { 'a.cfg': 'old', 'gone.cfg': 'gone', 'x.lic': 'theirs' },
      { store: await openStore(url), url },
    );
    expect(await control.apply(await control.plan('mirror'))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(contents(destination.root)).toEqual({ ...contents(source), 'x.lic': sha256('theirs') });
  });
});
