import type { S3Client } from '@aws-sdk/client-s3';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openS3Client } from '#adapters/s3-client.ts';
import { BadInput } from '#core/errors.ts';

beforeEach(() => {
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Where a request for an object of the bucket would go. */
async function addressOf(client: S3Client, Bucket = 'fleet-bucket'): Promise<string> {
  let address = '';
  const handle = async ({ hostname, path, protocol }: Record<'hostname' | 'path' | 'protocol', string>) => {
    address = `${protocol}//${hostname}${path}`;
    return { response: { statusCode: 404, headers: {}, body: undefined } };
  };
  client.config.requestHandler = { handle } as never;
  await client.send(new GetObjectCommand({ Bucket, Key: 'a' })).catch(() => undefined);
  return address;
}

describe("a client of the SDK's own variables", () => {
  test.each([
    [{}, 'https://fleet-bucket.s3.eu-central-1.amazonaws.com/a'],
    [{ AWS_USE_FIPS_ENDPOINT: 'true' }, 'https://fleet-bucket.s3-fips.eu-central-1.amazonaws.com/a'],
    [{ AWS_USE_DUALSTACK_ENDPOINT: 'true' }, 'https://fleet-bucket.s3.dualstack.eu-central-1.amazonaws.com/a'],
    [{ AWS_ENDPOINT_URL_S3: 'https://s3.plant.example.org' }, 'https://s3.plant.example.org/fleet-bucket/a'],
    [{ AWS_ENDPOINT_URL: 'https://aws.plant.example.org' }, 'https://aws.plant.example.org/fleet-bucket/a'],
    [{ AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000' }, 'http://127.0.0.1/fleet-bucket/a'],
    [{ AWS_ENDPOINT_URL_S3: 'http://[::1]:9000' }, 'http://[::1]/fleet-bucket/a'],
    [{ AWS_ENDPOINT_URL_S3: 'http://localhost:9000' }, 'http://localhost/fleet-bucket/a'],
  ])('with %j asks at %s', async (variables, address) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(await addressOf(await openS3Client())).toBe(address);
  });

  test.each([
    'http://s3.plant.example.org',
    'http://10.0.0.7:9000',
    'http://127.0.0.1.example.org',
    'http://localhost.example.org',
    'ftp://127.0.0.1',
  ])('does not speak to %s', async (endpoint) => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', endpoint);
    await expect(openS3Client()).rejects.toThrow(BadInput);
    await expect(openS3Client()).rejects.toThrow(endpoint);
  });

  test('shows no password of an endpoint that has one', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'https://user:hunter2@s3.plant.example.org');
    const opening = openS3Client();
    await expect(opening).rejects.toThrow('must not hold a user or password');
    await expect(opening).rejects.not.toThrow('hunter2');
  });

  test('keeps to its checksums, its patience and its pace', async () => {
    vi.stubEnv('AWS_RESPONSE_CHECKSUM_VALIDATION', 'when_required');
    vi.stubEnv('AWS_REQUEST_CHECKSUM_CALCULATION', 'when_required');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    const { config } = await openS3Client();
    expect(await config.responseChecksumValidation()).toBe('WHEN_SUPPORTED');
    expect(await config.requestChecksumCalculation()).toBe('WHEN_SUPPORTED');
    expect(await config.maxAttempts()).toBe(5);
    expect(await config.retryStrategy()).toMatchObject({ mode: 'adaptive' });
    vi.stubEnv('AWS_MAX_ATTEMPTS', '9');
    expect(await (await openS3Client()).config.maxAttempts()).toBe(9);
  });
});
