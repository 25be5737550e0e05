import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { encodePart } from '#core/plan.ts';
import { CONTROL_KEY_FORMAT } from '#core/receipt.ts';
import { createSyncId } from '#core/sync.ts';
import { Control, DESTINATION, type Planned, PROFILE, SOURCE } from '#test/agents/control.ts';
import { beginPair, type Pair, photograph, refusalAfter } from '#test/agents/pair.ts';
import { testFolder } from '#test/agents/test-folder.ts';
import { ended, Programs } from '#test/support/programs.ts';
import { writeTree } from '#test/support/trees.ts';
import { type IndexLine, withBomb, withIndex, withSnapshot } from './bent-documents.ts';
import { GIB, zstdBomb } from './bombs.ts';

const ATTACKED_PLAN = fileURLToPath(new URL('children/plan-under-attack.ts', import.meta.url));
const MIB = 1024 ** 2;

describe('of two plans nobody can make a third: an order is refused when its part', () => {
  async function refused(pair: Pair, mix: (planned: Planned) => Promise<Sha256 | undefined>) {
    const planned = await pair.control.plan();
    const before = photograph(pair.destination);
    const part = await mix(planned);
    expect(await pair.control.apply(planned, part === undefined ? {} : { part })).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
      detail: expect.stringContaining('plan part'),
    });
    expect(photograph(pair.destination)).toEqual(before);
  }

  it('is that of another server', () => {
    const pair = beginPair();
    return refused(pair, async (planned) => {
      const foreign = encodePart({ ...planned, header: { ...planned.header, server: SOURCE } });
      await pair.control.store.put(keys.part(planned.header.sync, DESTINATION, foreign.digest), foreign.bytes);
      return foreign.digest;
    });
  });

  it('is that of another plan for this server', () => {
    const pair = beginPair();
    return refused(pair, async (planned) => {
      const sync = createSyncId(new Date(), 'eeeee');
      const foreign = encodePart({ ...planned, header: { ...planned.header, sync } });
      await pair.control.store.put(keys.part(planned.header.sync, DESTINATION, foreign.digest), foreign.bytes);
      return foreign.digest;
    });
  });

  it('has operations of another plan under its own name', async () => {
    const pair = beginPair();
    const planned = await pair.control.plan();
    const before = photograph(pair.destination);
    const part = encodePart(planned);
    const other = encodePart({ ...planned, operations: planned.operations.slice(1) });
    const { sync } = planned.header;
    await pair.control.store.put(keys.part(sync, DESTINATION, part.digest), other.bytes);
    const order = await pair.control.order(DESTINATION, {
      step: 'apply',
      sync,
      plan: part.digest,
      part: part.digest,
      order: orderId(sync, 'apply', DESTINATION),
    });
    expect(await pair.control.receipt(order)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
      detail: expect.stringContaining(`its digest is ${other.digest}`),
    });
    expect(photograph(pair.destination)).toEqual(before);
  });

  it('is not there', async () => {
    const pair = beginPair();
    const planned = await pair.control.plan();
    const before = photograph(pair.destination);
    const receipt = await pair.control.apply(planned, { part: 'ab'.repeat(32) as Sha256 });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
      detail: expect.stringMatching(/missing/),
    });
    expect(photograph(pair.destination)).toEqual(before);
  });
});

it('a snapshot that does not hold the contents of the plan is refused', async () => {
  const pair = beginPair();
  const receipt = await refusalAfter(pair, (planned) => withIndex(pair.control, planned, () => []));
  expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'WRONG_PLAN' });
});

describe('an index is refused, and nothing is touched, that', () => {
  const chunks = (bend: (line: Extract<IndexLine, { 0: 'chunk' }>, number: number) => unknown) => {
    let number = 0;
    return (line: IndexLine) => (line[0] === 'chunk' ? bend(line, number++) : line);
  };
  const contents = (bend: (line: Extract<IndexLine, { 0: 'content' }>) => unknown) => (line: IndexLine) =>
    line[0] === 'content' ? bend(line) : line;

  it.each<[string, () => (line: IndexLine) => unknown, RegExp]>([
    [
      'says that a content has 2^53 chunks',
      () => contents(([kind, sha, size]) => [kind, sha, size, [0, Number.MAX_SAFE_INTEGER]]),
      /too many chunks/,
    ],
    [
      'says so in many runs',
      () => contents(([kind, sha, size]) => [kind, sha, size, ...Array(100).fill([0, 1_000_000])]),
      /too many chunks/,
    ],
    [
      'names chunks that it does not list',
      () => contents(([kind, sha, size]) => [kind, sha, size, [0, 1000]]),
      /names a chunk that does not stand before it/,
    ],
    [
      'lies about the size of a content',
      () => contents(([kind, sha, , ...runs]) => [kind, sha, 2 ** 50, ...runs]),
      /add up/,
    ],
    ['has a chunk of a terabyte', () => chunks((line) => line.with(5, 2 ** 40)), /has a line that is none: \["chunk"/],
    [
      'has a chunk that comes from a terabyte',
      () => chunks((line) => line.with(4, 2 ** 40)),
      /has a line that is none: \["chunk"/,
    ],
    ['has a chunk of nothing', () => chunks((line) => line.with(5, 0)), /has a line that is none: \["chunk"/],
    [
      'has a chunk before the beginning of its pack',
      () => chunks((line) => line.with(3, -1)),
      /has a line that is none: \["chunk"/,
    ],
    [
      'has a chunk where no number reaches',
      () => chunks((line) => line.with(3, Number.MAX_SAFE_INTEGER)),
      /lies too far/,
    ],
    [
      'has a chunk in a pack that it does not name',
      () => chunks((line) => line.with(2, 99)),
      /pack that is not listed/,
    ],
    [
      'has a chunk that is its own base',
      () => chunks((line, number) => [...line.slice(0, 6), 'zstd-dict', number]),
      /base that does not stand before it/,
    ],
    ['has a line that is none', () => () => ['script', 'rm -rf /'], /./],
  ])('%s', async (_, bend, problem) => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, (planned) =>
      withIndex(pair.control, planned, (lines) => lines.map(bend())),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });
    expect((receipt as { readonly detail: string }).detail).toMatch(problem);
  });
});

/** Resident at most, so far. */
function peakOf(pid: number | undefined): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

it('an agent with little memory refuses every document that inflates without bound, and goes on', async (context) => {
  if (process.platform !== 'linux') return context.skip('only Linux says how much memory a process had at most');
  const folder = testFolder();
  const [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
  writeTree(source, { 'a.ini': 'same', 'firmware/b.bin': 'made'.repeat(100) });
  writeTree(destination, { 'a.ini': 'same' });
  const store = await DirectoryStore.open(join(folder, 'store'));
  const control = new Control(store);
  const { publicKey } = control.signer;
  await store.put(keys.controlKey(), encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey }));
  const profile = join(folder, 'profile.yaml');
  writeFileSync(profile, JSON.stringify(PROFILE));
  const programs = new Programs({ NODE_OPTIONS: '--max-old-space-size=128' });
  onTestFinished(() => programs.stop());
  const state = join(folder, 'state');
  const enrolled = await programs.run('lockstep-agent', [
    'enroll',
    ...['--store', pathToFileURL(join(folder, 'store')).href, '--server', DESTINATION],
    ...['--root', destination, '--state', state, '--profile', profile],
  ]);
  expect(enrolled).toMatchObject({ code: 0 });
  await control.adopt(DESTINATION);
  const agent = programs.start('lockstep-agent', ['run', '--state', state, '--poll', '0.02'], { stdio: 'ignore' });
  control.start(SOURCE, source);
  const planned = await control.plan();
  const before = photograph(destination);
  const digest = sha256('bomb');
  let syncs = 0;
  const anew = (one: Planned): Planned => ({
    ...one,
    header: { ...one.header, sync: createSyncId(new Date(), (++syncs).toString(16).padStart(5, 'b')) },
  });

  const bombs: Readonly<Record<string, Buffer>> = {
    'one frame of line feeds': zstdBomb(100 * GIB),
    'one line': zstdBomb(100 * GIB, { byte: 0x78 }),
    'many frames of line feeds': Buffer.concat(Array(8).fill(zstdBomb(60 * MIB))),
    'many frames of one line': Buffer.concat(Array(8).fill(zstdBomb(60 * MIB, { byte: 0x78 }))),
  };
  for (const [name, bomb] of Object.entries(bombs)) {
    const part = anew(planned);
    await store.put(keys.part(part.header.sync, DESTINATION, digest), bomb);
    expect(await control.apply(part, { part: digest }), `part, ${name}`).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
    });
    await store.put(keys.snapshot(digest), bomb);
    const snapshot = anew({ ...planned, header: { ...planned.header, snapshot: digest } });
    expect(await control.apply(snapshot), `snapshot, ${name}`).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringMatching(/inflates beyond|too long|its digest|not one line/),
    });
    await store.put(keys.index(digest), bomb);
    const index = anew(await withSnapshot(control, planned, (one) => ({ ...one, indexes: [digest] })));
    expect(await control.apply(index), `index, ${name}`).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringMatching(/inflates beyond|too long|its digest/),
    });
  }
  const chunk = anew(await withBomb(control, planned, zstdBomb(10 * GIB)));
  expect(await control.apply(chunk), 'chunk').toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });

  expect(photograph(destination)).toEqual(before);
  expect(peakOf(agent.pid)).toBeLessThan(512 * MIB);
  expect(agent.exitCode).toBeNull();
}, 120_000);

it('a plan is made within bounds of memory, whatever manifests the servers have stored', async (context) => {
  if (process.platform !== 'linux') return context.skip('only Linux says how much memory a process had at most');
  const child = spawn(process.execPath, ['--max-old-space-size=256', ATTACKED_PLAN]);
  onTestFinished(() => void child.kill('SIGKILL'));
  const { code, stderr, stdout } = await ended(child);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { peak, verdicts } = JSON.parse(stdout) as {
    readonly peak: number;
    readonly verdicts: readonly { readonly server: string; readonly verdict: string; readonly detail?: string }[];
  };
  expect(peak).toBeLessThan(700 * MIB);
  for (const { detail, server, verdict } of verdicts) {
    if (server.endsWith('healthy')) expect(verdict, server).toBe('SUCCEEDED');
    else expect(verdict, `${server}: ${detail}`).toBe('FAILED');
  }
  expect(Object.fromEntries(verdicts.map(({ detail, server }) => [server.split('/')[1], detail]))).toMatchObject({
    'line-feeds': expect.stringContaining('inflates beyond all bounds'),
    'one-line': expect.stringContaining('inflates beyond all bounds'),
    'many-frames': expect.stringContaining('it is not JSON'),
    'long-line': expect.stringContaining('a line is too long'),
    'billion-entries': expect.stringContaining('are too many'),
    'own-base': expect.stringContaining('is a delta of depth'),
    nested: expect.stringContaining('a line is too long'),
  });
}, 120_000);
