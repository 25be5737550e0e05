import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleFunctions, type FunctionBundle } from '../../build/bundle-functions.ts';
import { LAMBDA_FUNCTIONS, MOST_BUNDLE_BYTES } from '../../build/lambda-bundle.ts';

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
      expect(bundle?.bytes).toBeLessThan(MOST_BUNDLE_BYTES);
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
    });
    expect(bundles.flatMap(({ nested }) => nested)).toEqual([]);
  });
});

/** Loads it in a process of its own, as Lambda does, and calls it. */
function coldStart(file: string): Promise<{ stdout: string }> {
  const program = `
    const started = performance.now();
    const { handler } = await import(${JSON.stringify(file)});
    const milliseconds = Math.round(performance.now() - started);
    const event = { step: 'plan', sync: 'none', Records: [] };
    const error = await handler(event, { getRemainingTimeInMillis: () => 60000 }).then(() => 'none', String);
    console.log(JSON.stringify({ error, milliseconds }));
  `;
  return run(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    env: { PATH: process.env.PATH },
  });
}
