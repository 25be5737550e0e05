import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { loadProfile } from '#adapters/profile-file.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import { LONGEST_RANGE } from '#core/plan-ranges.ts';
import { CONTROL_KEY_FORMAT } from '#core/receipt.ts';
import { Control, DESTINATION, SOURCE } from '#test/agents/control.ts';
import { noise } from '#test/agents/noise.ts';
import { CuttingProxy } from '#test/support/cutting-proxy.ts';
import { Programs } from '#test/support/programs.ts';
import { type S3Service, serveS3 } from '#test/support/s3-service.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, writeTree } from '#test/support/trees.ts';

const SIZE = 32 * 1024 * 1024;
/** Documents, and the heads of requests and answers. */
const TALK = 256 * 1024;
const PARALLEL = 4;

let control: Control;
let service: S3Service;
let proxy: CuttingProxy;
let programs: Programs;
let source: string;
let destination: string;
let state: string;

beforeEach(async () => {
  const folder = await temporaryFolder();
  const store = new MemoryStore();
  control = new Control(store);
  service = await serveS3(store, 'fleet');
  proxy = await CuttingProxy.start(service.port);
  programs = new Programs({
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${proxy.port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'testing',
    AWS_SECRET_ACCESS_KEY: 'testing',
  });
  [source, destination, state] = [join(folder, 'source'), join(folder, 'destination'), join(folder, 'state')];
  writeTree(source, { 'a.bin': noise('a', SIZE - 1_000_000), 'b.bin': noise('b', 1_000_000) });
  writeTree(destination, { 'b.bin': 'old' });
  await store.put(
    keys.controlKey(),
    encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: control.signer.publicKey }),
  );
});

afterEach(async () => {
  await programs.stop();
  await proxy.stop();
  await service.stop();
});

/** Both have taken stock, the destination through the proxy; the order to apply is written. */
async function order(): Promise<Order> {
  const url = 's3://fleet';
  const enrol = ['enroll', '--store', url, '--server', DESTINATION, '--root', destination, '--state', state];
  expect(await programs.run('lockstep-agent', enrol)).toMatchObject({ code: 0 });
  await control.adopt(DESTINATION);
  control.start(SOURCE, source, { profile: await loadProfile('generic') });
  startAgent();
  const planned = await control.plan();
  proxy.bytesDown = 0;
  return control.orderApply(planned);
}

let agent: ChildProcess;

function startAgent(): void {
  agent = programs.start('lockstep-agent', ['run', '--state', state, '--poll', '0.1'], { stdio: 'ignore' });
}

async function expectSuccess(applying: Order): Promise<void> {
  expect(await control.receipt(applying)).toMatchObject({ outcome: 'SUCCEEDED' });
  expect(readTree(destination)).toEqual(readTree(source));
  expect(readdirSync(join(destination, '.lockstep'))).toEqual(['pre-images']);
}

/** The same numbers at every run. */
function seeded(label: string, count: number, most: number): number[] {
  return Array.from({ length: count }, (_, n) => Number.parseInt(sha256(`${label} ${n}`).slice(0, 8), 16) % most);
}

describe('a transfer over HTTP', () => {
  it('costs no more than a range for each connection that is cut', async () => {
    const lives = seeded('cut', 8, 3_000_000);
    const applying = await order();
    proxy.lives = [...lives];
    await expectSuccess(applying);
    expect(proxy.cuts).toBeGreaterThan(lives.length / 2);
    expect(proxy.bytesDown).toBeLessThanOrEqual(SIZE + TALK + proxy.cuts * LONGEST_RANGE);
  });

  it('costs no more than a range for each connection of an agent that is killed', async () => {
    // Late: to begin anew would cost more than all ranges that may be on their way.
    const deaths = seeded('kill', 2, SIZE / 2).map((bytes) => bytes + SIZE / 2);
    deaths.sort((a, b) => a - b);
    const applying = await order();
    let kills = 0;
    let isDying = false;
    proxy.onBytes = () => {
      if (isDying || proxy.bytesDown < (deaths[kills] ?? Number.POSITIVE_INFINITY)) return;
      kills++;
      isDying = true;
      void once(agent, 'exit').then(() => {
        isDying = false;
        startAgent();
      });
      agent.kill('SIGKILL');
    };
    await expectSuccess(applying);
    expect(kills).toBe(deaths.length);
    expect(proxy.bytesDown).toBeLessThanOrEqual(SIZE + (1 + kills) * TALK + kills * PARALLEL * LONGEST_RANGE);
  });
});
