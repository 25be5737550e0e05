import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { decodeStatColumns } from '#agents/stat-columns.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { CONTROL_KEY_FORMAT } from '#core/receipt.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { type Ended, ended, Programs } from '#test/support/programs.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

function programs(): Programs {
  const all = new Programs({});
  onTestFinished(() => all.stop());
  return all;
}

function agent(...args: string[]): Promise<Ended> {
  return programs().run('lockstep-agent', args);
}

interface Enrolled {
  readonly control: Control;
  readonly root: string;
  readonly state: string;
  readonly storeUrl: string;
}

async function enrolled(): Promise<Enrolled> {
  const folder = testFolder();
  const storeUrl = pathToFileURL(join(folder, 'store')).href;
  const store = await DirectoryStore.open(join(folder, 'store'));
  const control = new Control(store);
  await store.put(
    keys.controlKey(),
    encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: control.signer.publicKey }),
  );
  const [root, state] = [join(folder, 'root'), join(folder, 'state')];
  writeTree(root, { 'a.ini': 'a', 'x.lic': 'x' });
  const { code, stdout } = await agent(
    'enroll',
    '--store',
    storeUrl,
    '--server',
    SOURCE,
    '--root',
    root,
    '--state',
    state,
  );
  expect(code).toBe(0);
  expect(stdout.match(/sha256:[0-9a-f]{64}/g)).toHaveLength(2);
  return { control, root, state, storeUrl };
}

describe('lockstep-agent', () => {
  it('scans and shows classes, and as one JSON document all that is left out', async () => {
    const root = testFolder();
    writeTree(root, { 'a.ini': 'abc', 'b.lic': 'x' });
    const before = readTree(root);
    const table = await agent('scan', '--root', root);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(/configuration +1 +3 B/);
    expect(table.stdout).toMatch(/license +1 +1 B +never copied/);
    expect(JSON.parse((await agent('scan', '--root', root, '--json')).stdout)).toMatchObject({
      artifacts: 1,
      protected: 1,
      leftOut: [],
    });
    expect(readTree(root)).toEqual(before);
  });

  it('remembers what it has read where --state says so, and reads everything again for --full', async () => {
    const root = testFolder();
    writeTree(root, { 'a.ini': 'abc', 'b.lic': 'x' });
    const state = join(testFolder(), 'new');
    const scanned = async (...args: string[]) => {
      const { stdout } = await agent('scan', '--root', root, '--state', state, '--json', ...args);
      const { rehashedAt } = decodeStatColumns('index', readFileSync(join(state, 'stat-index')), realpathSync(root));
      return { report: JSON.parse(stdout), rehashedAt };
    };
    const [first, second, full] = [await scanned(), await scanned(), await scanned('--full')];
    expect(second).toEqual(first);
    expect(full.report).toEqual(first.report);
    expect(full.rehashedAt).toBeGreaterThan(first.rehashedAt);
  });

  it.each([
    [[], 'Usage'],
    [['dance'], 'unknown command'],
    [['scan'], '--root'],
    [['scan', '--root', '/nowhere/at/all'], '/nowhere/at/all'],
    [['scan', '--root', '.', '--profile', 'nonesuch'], 'nonesuch'],
    [['run', '--state', '/nowhere/at/all'], 'enroll'],
    [['run', '--poll', 'often'], '--poll'],
    [['run', '--bandwidth', 'fast'], '--bandwidth: "fast" is not a rate; expected 2MB/s'],
    [['bandwidth', '2MB/s', '--state', '/nowhere/at/all'], 'enroll'],
    [['enroll', '--server', 'Not A Server', '--store', 'file:///tmp/x', '--root', '.'], 'site/name'],
    [['enroll', '--server', 'a/b', '--store', 'ftp://x', '--root', '/usr/share'], 'ftp://x'],
  ])('ends with 2 and one clear message on %j', async (args, message) => {
    const { code, stderr } = await agent(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at \S+ \(|^ +at file:/m);
  });

  it('refuses to keep its state or the store in the root', async () => {
    const root = testFolder();
    const inside = await agent(
      'enroll',
      '--server',
      'a/b',
      '--store',
      'file:///nowhere',
      '--root',
      root,
      '--state',
      join(root, 'state'),
    );
    expect(inside).toMatchObject({ code: 2, stderr: expect.stringContaining('--state') });
    const storeInside = await agent(
      'enroll',
      '--server',
      'a/b',
      '--store',
      pathToFileURL(join(root, 'store')).href,
      '--root',
      root,
      '--state',
      testFolder(),
    );
    expect(storeInside).toMatchObject({ code: 2, stderr: expect.stringContaining('lies in the root') });
    expect(readTree(root)).toEqual({});
  });

  it('finds nothing wrong after an enrolment, and says what to do when the control key has changed', async () => {
    const { control, state } = await enrolled();
    const good = await agent('doctor', '--state', state);
    expect(good.stdout).not.toContain('FAIL');
    expect(good.code).toBe(0);
    await control.store.put(
      keys.controlKey(),
      encodeDocument({ format: CONTROL_KEY_FORMAT, publicKey: createKeySigner().publicKey }),
    );
    const bad = await agent('doctor', '--state', state);
    expect(bad.stdout).toMatch(/^FAIL control key: .*enrol with a new state folder$/m);
    expect(bad.code).toBe(1);
  });

  it('finds something wrong once the agent has noticed that its store is frozen', async () => {
    const { state } = await enrolled();
    const status = { since: '2026-01-02T03:04:05.000Z', detail: 'what serves the store is frozen or old' };
    writeFileSync(join(state, 'stale-store.json'), encodeDocument({ status }));
    const { code, stdout } = await agent('doctor', '--state', state);
    expect(stdout).toMatch(
      /^FAIL what the store shows: since 2026-01-02T03:04:05.000Z: what serves the store is frozen/m,
    );
    expect(code).toBe(1);
  });

  it('runs until SIGTERM, one JSON line per event, its key never among them', async () => {
    const { control, root, state } = await enrolled();
    const child = programs().start('lockstep-agent', ['run', '--state', state, '--poll', '0.05']);
    const end = ended(child);
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: true });
    const key = keys.receipt(SOURCE, order.order as never);
    while ((await control.store.head(key)) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGTERM');
    const { code, stderr } = await end;
    expect(code).toBe(0);
    const events = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string });
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['agent-started', 'order-begun', 'order-answered', 'agent-stopped']),
    );
    expect(stderr).not.toContain('PRIVATE');
    expect(Object.keys(readTree(root))).toEqual(['a.ini', 'x.lic']);
  });

  it('shows the limit of its traffic as it was set, and refuses to run with one that is damaged', async () => {
    const { state } = await enrolled();
    expect(await agent('bandwidth', '500kB/s', '--state', state)).toMatchObject({ code: 0 });
    expect((await agent('bandwidth', '--state', state)).stdout).toBe('bandwidth: 500kB/s\n');
    writeFileSync(join(state, 'bandwidth'), '500');
    const damaged = await agent('run', '--state', state);
    expect(damaged).toMatchObject({ code: 2, stderr: expect.stringContaining(join(state, 'bandwidth')) });
  });

  it('refuses a damaged agent.json with its place', async () => {
    const { state } = await enrolled();
    const path = join(state, 'agent.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"server"', '"sever"'));
    expect(await agent('run', '--state', state)).toMatchObject({ code: 2, stderr: expect.stringContaining(path) });
  });
});
