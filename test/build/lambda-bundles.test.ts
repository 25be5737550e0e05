import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveJson } from '#test/support/json-service.ts';
import { LocalKms } from '#test/support/local-kms.ts';
import { bundleFunctions, type FunctionBundle } from '../../build/bundle-functions.ts';
import { type FunctionName, LAMBDA_FUNCTIONS, mostBundleBytes } from '../../build/lambda-bundle.ts';

const run = promisify(execFile);

let folder: string;
let bundles: FunctionBundle[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lambda-bundles-'));
  bundles = await bundleFunctions(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the bundle of each function, with nothing installed beside it', () => {
  test.each(Object.keys(LAMBDA_FUNCTIONS))(
    'of %s is small, and fails by name where its environment is empty',
    async (name) => {
      const bundle = bundles.find((one) => one.name === name);
      expect(bundle?.bytes).toBeGreaterThan(100_000);
      expect(bundle?.bytes).toBeLessThan(mostBundleBytes(name as FunctionName));
      const { stdout } = await coldStart(bundle?.file ?? '');
      const { error, milliseconds } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      console.log(`${name}: ${Math.round((bundle?.bytes ?? 0) / 1000)} kB, imported in ${milliseconds} ms`);
      expect(error).toMatch(/^InvalidDocument: environment of the function is not valid: .*LOCKSTEP_/);
    },
  );

  test('holds no part of the AWS SDK twice, and only the clients that it needs', () => {
    const clients = Object.fromEntries(bundles.map(({ clients: used, name }) => [name, used]));
    expect(clients).toEqual({
      hold: ['s3'],
      start: ['s3', 'sfn'],
      inventory: ['kms', 's3', 'sfn'],
      plan: ['kms', 's3'],
      approval: ['kms', 's3', 'sesv2', 'sfn'],
      apply: ['kms', 's3', 'sfn'],
      signal: ['kms', 's3', 'sfn'],
      report: ['kms', 's3', 'sesv2'],
      prune: ['s3'],
      console: ['kms', 's3', 'secrets-manager'],
    });
    expect(bundles.flatMap(({ nested }) => nested)).toEqual([]);
  });

  test('takes its credentials from its environment, and from nowhere else', async () => {
    for (const { file } of bundles) {
      const text = await readFile(file, 'utf8');
      expect(text).not.toMatch(/fromSSO|fromIni|fromProcess|credential_process/);
    }
    const { file = '' } = bundles.find(({ name }) => name === 'console') ?? {};
    const { stdout } = await coldStart(file, { ...CONSOLE, AWS_ACCESS_KEY_ID: undefined });
    expect(stdout).toContain('there are no AWS credentials');
  });

  test('of the console finds its assets beside it', async () => {
    const kms = new LocalKms();
    const SecretString = JSON.stringify({ clientSecret: 'secret', sessionKey: 'k'.repeat(43) });
    const services = await Promise.all([
      serveJson(kms.answer),
      serveJson(() => ({ status: 200, body: { SecretString } })),
    ]);
    const [{ url: AWS_ENDPOINT_URL_KMS }, { url: AWS_ENDPOINT_URL_SECRETS_MANAGER }] = services;
    const { file = '' } = bundles.find(({ name }) => name === 'console') ?? {};
    const endpoints = { AWS_ENDPOINT_URL_KMS, AWS_ENDPOINT_URL_SECRETS_MANAGER, LOCKSTEP_SIGNING_KEY: kms.arn };
    const { stdout } = await coldStart(file, { ...CONSOLE, ...endpoints });
    await Promise.all(services.map((service) => service.stop()));
    const { result } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    const css = await readFile(join(import.meta.dirname, '../../functions/console/assets/console.css'), 'utf8');
    expect(result).toMatchObject({ statusCode: 200, body: css });
  });
});

/** Loads it in a process of its own, as Lambda does, and calls it. */
function coldStart(file: string, environment: NodeJS.ProcessEnv = {}): Promise<{ stdout: string }> {
  const program = `
    const started = performance.now();
    const { handler } = await import(${JSON.stringify(file)});
    const milliseconds = Math.round(performance.now() - started);
    const event = ${JSON.stringify({ step: 'plan', sync: 'none', Records: [], ...ASSET_EVENT })};
    const context = { getRemainingTimeInMillis: () => 60000 };
    const [error, result] = await handler(event, context).then((result) => ['none', result], (error) => [String(error)]);
    console.log(JSON.stringify({ error, milliseconds, result }));
  `;
  return run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...environment },
  });
}

const HOST = 'console.example.org';

/** For functions that are told of something else, more of what they do not know. */
const ASSET_EVENT = {
  rawPath: '/assets/console.css',
  rawQueryString: '',
  headers: { host: HOST },
  requestContext: { domainName: HOST, http: { method: 'GET', sourceIp: '192.0.2.7' } },
};

/** What the console finds around it, but for the services. */
const CONSOLE = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'testing',
  AWS_SECRET_ACCESS_KEY: 'testing',
  LOCKSTEP_STORE: 's3://bucket',
  LOCKSTEP_SIGNING_KEY: 'key',
  LOCKSTEP_CONSOLE_URL: `https://${HOST}`,
  LOCKSTEP_CONSOLE: JSON.stringify({
    oidc: { issuer: 'https://login.example.org', 'client-id': 'lockstep', roles: {} },
  }),
  LOCKSTEP_CONSOLE_SECRET: 'secret',
};
