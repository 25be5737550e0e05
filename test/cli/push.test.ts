import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openStore } from '#adapters/open-store.ts';
import { keyId } from '#core/signed.ts';
import { findControlKey } from '#functions/control-key.ts';
import { readFleet } from '#functions/read-fleet.ts';
import { type JsonService, serveJson } from '#test/support/json-service.ts';
import { LocalKms } from '#test/support/local-kms.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type CapturedRun, runCaptured } from './captured-cli.ts';

let folder: string;
let kms: LocalKms;
let service: JsonService;

beforeEach(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder, 'fleet.yaml'), 'fleet: north\nsites:\n  plant-a:\n    servers: [tm1, tm2]\n');
  kms = new LocalKms();
  service = await serveJson((request) => kms.answer(request));
  const variables = { AWS_ENDPOINT_URL_KMS: service.url, AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'testing' };
  for (const [name, value] of Object.entries({ ...variables, AWS_SECRET_ACCESS_KEY: 'testing' }))
    vi.stubEnv(name, value);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await service.stop();
});

function push(...more: readonly string[]): Promise<CapturedRun> {
  const storeUrl = pathToFileURL(join(folder, 'store')).href;
  return runCaptured(['push', '--config', join(folder, 'fleet.yaml'), '--json', ...more], {
    storeUrl,
    stateFolder: join(folder, 'state'),
  });
}

it('publishes the fleet and, once, the key that agents pin; later the fleet alone', async () => {
  const first = await push('--signing-key', kms.arn);
  expect(first.err).toContain('Agents are enrolled with --control-key');
  const store = await openStore(pathToFileURL(join(folder, 'store')).href);
  const controlKey = (await findControlKey(store)) ?? '';
  expect(JSON.parse(first.out)).toMatchObject({
    fleet: 'north',
    servers: 2,
    controlKey: `sha256:${keyId(controlKey)}`,
  });
  expect(controlKey).toBe(kms.publicKey.export({ type: 'spki', format: 'pem' }).toString());

  await writeFile(join(folder, 'fleet.yaml'), 'fleet: north\nsites:\n  plant-a:\n    servers: [tm1]\n');
  expect(await push()).toMatchObject({ exitStatus: 0 });
  expect((await readFleet(store))?.sites['plant-a']?.servers).toEqual(['tm1']);
});

it('refuses a fleet without a control key, and another key than the first', async () => {
  const without = await push();
  expect(without).toMatchObject({ exitStatus: 2 });
  expect(without.err).toContain('--signing-key');
  await push('--signing-key', kms.arn);
  kms = new LocalKms();
  const other = await push('--signing-key', kms.arn);
  expect(other).toMatchObject({ exitStatus: 2 });
  expect(other.err).toContain('belongs to another control key');
});
