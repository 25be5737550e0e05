import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openStore } from '#adapters/open-store.ts';
import { BadInput } from '#core/errors.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('openStore', () => {
  test('opens a folder, with any name, and makes it', async () => {
    const folder = join(await temporaryFolder(), 'my store #1', 'caf\u00e9');
    const store = await openStore(pathToFileURL(folder).href);
    await store.put('a', new Uint8Array());
    expect((await stat(folder)).isDirectory()).toBe(true);
    expect(store.url).toBe(pathToFileURL(folder).href);
  });

  test.each([
    's3://fleet-bucket',
    's3://fleet-bucket/',
    's3://fleet-bucket/plants/north',
    's3://fleet-bucket/plants/north/',
  ])('opens %s', async (url) => {
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    expect((await openStore(url)).url).toBe(url.replace(/\/$/, ''));
  });

  test.each([
    '',
    '/srv/store',
    'C:\\store',
    'file:/srv/store',
    'file:store',
    'file:///srv/%2fstore',
    'file:///srv/store?versioned',
    'file:///srv/store#1',
    'https://bucket.example.org',
    's3:bucket',
    's3://',
    's3:///prefix',
    's3://Bucket/prefix',
    's3://bucket:9000/prefix',
    's3://key@bucket/prefix',
    's3://bucket/../other',
    's3://bucket/a//b',
    's3://bucket/a?b',
    's3://bucket?owner=me',
    's3://bucket/a?owner=1234567890123',
  ])('does not understand %j, and says what it expects', async (url) => {
    const opening = openStore(url);
    await expect(opening).rejects.toThrow(BadInput);
    await expect(opening).rejects.toThrow(JSON.stringify(url));
  });

  test.skipIf(process.platform === 'win32')('does not take file://store for a folder beside', async () => {
    await expect(openStore('file://store/a')).rejects.toThrow('expected file:///absolute/folder');
  });

  test.each(['s3://fleet-bucket', 's3://fleet-bucket/plants/north'])('opens %s of one owner', async (url) => {
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    expect((await openStore(`${url}?owner=123456789012`)).url).toBe(url);
  });

  test('asks for the region where there is none', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', join(await temporaryFolder(), 'none'));
    await expect(openStore('s3://fleet-bucket')).rejects.toThrow('set AWS_REGION');
  });
});
