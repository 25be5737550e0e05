import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentBundle, bundleAgent } from '../../build/bundle-agent.ts';

const run = promisify(execFile);

let folder: string;
let root: string;
let bundle: AgentBundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'agent-bundle-'));
  root = join(folder, 'root');
  await mkdir(join(root, 'licenses'), { recursive: true });
  await writeFile(join(root, 'a.cfg'), 'configuration');
  await writeFile(join(root, 'licenses', 'a.txt'), 'license');
  bundle = await bundleAgent(join(folder, 'installed', 'lockstep-agent.mjs'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the bundle of the agent, with nothing installed beside it', () => {
  test('is a few hundred kilobytes without the AWS SDK', () => {
    expect(bundle.bytesWithoutSdk).toBeGreaterThan(100_000);
    expect(bundle.bytesWithoutSdk).toBeLessThan(600_000);
    expect(bundle.bytes).toBeGreaterThan(bundle.bytesWithoutSdk);
  });

  test('shows its help', async () => {
    const { stdout } = await runBundle('--help');
    expect(stdout).toContain('Usage: lockstep-agent');
  });

  test('scans a folder, hashing in threads of the same file, by a profile that lies beside it', async () => {
    const { stdout } = await runBundle('scan', '--root', root, '--profile', 'generic', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ artifacts: 1, bytes: 13, protected: 1 });
  });

  test('holds the AWS SDK', async () => {
    const nobody = { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'eu-central-1', AWS_MAX_ATTEMPTS: '1' };
    const nothing = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' };
    const args = ['enroll', '--store', 's3://bucket/prefix', '--server', 'north/line-1', '--root', root];
    const enrolment = run(process.execPath, [bundle.file, ...args, '--state', join(folder, 'state')], {
      env: { ...process.env, ...nobody, ...nothing },
    });
    await expect(enrolment).rejects.toMatchObject({ stderr: expect.stringContaining('ECONNREFUSED') });
  });
});

function runBundle(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, [bundle.file, ...args], { cwd: folder });
}
