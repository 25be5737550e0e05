import { chmodSync, lstatSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessFleet } from '#test/support/process-fleet.ts';
import { type Ended, Programs } from '#test/support/programs.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';

const OLD: Tree = {
  'Firmware/a.fw': new Uint8Array(2_000_000).fill(7),
  'TermCap.db': 'old pages',
  'gone/deep/one.xml': '<gone/>',
  'kept.xml': '<kept/>',
  'Licenses/server.lic': 'license of the destination',
};
const NEW: Tree = {
  'Firmware/a.fw': new Uint8Array(2_000_000).fill(8),
  'Firmware/b.fw': 'made',
  'TermCap.db': 'new pages',
  'kept.xml': '<kept/>',
  'spool/': '',
  'Licenses/server.lic': 'license of the source',
};

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
});

/** With modes and times that no default would give. */
function writeOld(root: string): void {
  writeTree(root, OLD);
  chmodSync(join(root, 'TermCap.db'), 0o400);
  chmodSync(join(root, 'gone/deep/one.xml'), 0o750);
  utimesSync(join(root, 'gone/deep/one.xml'), 1_234_567_890.125, 1_234_567_890.125);
  chmodSync(join(root, 'gone/deep'), 0o700);
}

describe('a rollback between folders of one machine', () => {
  let programs: Programs;
  let source: string;
  let destination: string;

  beforeEach(() => {
    programs = new Programs({ XDG_STATE_HOME: join(folder, 'state'), LOCKSTEP_STORE: '' });
    [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
    writeTree(source, NEW);
    writeOld(destination);
  });

  afterEach(() => programs.stop());

  async function run(...words: string[]): Promise<Ended & { readonly document: ReturnType<typeof JSON.parse> }> {
    const ended = await programs.run('lockstep', [...words, '--json']);
    return { ...ended, document: ended.stdout === '' ? undefined : JSON.parse(ended.stdout) };
  }

  it.each(['overwrite', 'mirror'])(
    'puts back byte for byte what an %s changed, without the source, and is rolled back in its turn',
    async (mode) => {
      const before = readTree(destination);
      const sync = await run('sync', source, destination, '--yes', ...(mode === 'mirror' ? ['--mirror'] : []));
      expect(sync.document).toMatchObject({ verdict: 'SUCCEEDED' });
      const after = readTree(destination);
      rmSync(source, { recursive: true });
      const back = await run('rollback', sync.document.sync, '--yes');
      expect(back).toMatchObject({
        code: 0,
        document: { verdict: 'SUCCEEDED', mode: 'rollback', rollbackOf: sync.document.sync },
      });
      expect(back.document.destinations).toMatchObject([{ path: destination, verdict: 'SUCCEEDED', protected: 1 }]);
      expect(readTree(destination)).toEqual(before);
      expect(await run('rollback', back.document.sync, '--yes')).toMatchObject({ code: 0 });
      expect(readTree(destination)).toEqual(after);
    },
  );

  it('is offered at the end of a sync, shows what will be put back, and is refused where that was edited since', async () => {
    const { stdout } = await programs.run('lockstep', ['sync', source, destination, '--mirror', '--yes']);
    const offered = /lockstep rollback (\S+)/.exec(stdout)?.[1] ?? '';
    const after = photograph(destination);
    const dry = await programs.run('lockstep', ['rollback', offered, '--dry-run']);
    expect(dry.code).toBe(0);
    for (const words of ['What Will Be Put Back', `Rollback of sync ${offered}`, 'gone/deep/one.xml', 'Planned'])
      expect(dry.stdout).toContain(words);
    expect(photograph(destination)).toEqual(after);
    writeFileSync(join(destination, 'Firmware/b.fw'), 'edited');
    const edited = photograph(destination);
    const back = await run('rollback', offered, '--yes');
    expect(back).toMatchObject({ code: 3, document: { verdict: 'FAILED' } });
    expect(back.document.destinations).toMatchObject([
      { verdict: 'REFUSED', reason: 'STALE_PLAN', detail: expect.stringContaining('"Firmware/b.fw"') },
    ]);
    expect(photograph(destination)).toEqual(edited);
  });

  it('concerns the folders that are named, is agreed to, and says what is wrong before anything begins', async () => {
    const other = join(folder, 'other');
    writeOld(other);
    const before = readTree(other);
    const { document } = await run('sync', source, destination, other, '--yes');
    const after = readTree(destination);
    const wrong: readonly (readonly [readonly string[], RegExp])[] = [
      [['yesterday', '--yes'], /expected a sync id/],
      [['20200102T030405Z-0a1b2c3d', '--yes'], /there is no sync/],
      [[document.sync, source, '--yes'], /was not for/],
      [[document.sync, join(folder, 'nowhere'), '--yes'], /there is no folder/],
      [[document.sync], /add --yes/],
    ];
    for (const [words, message] of wrong)
      expect(await run('rollback', ...words)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(message),
      });
    expect(readTree(destination)).toEqual(after);
    expect(await run('rollback', document.sync, other, '--yes')).toMatchObject({ code: 0 });
    expect([readTree(other), readTree(destination)]).toEqual([before, after]);
  });
});

describe('a rollback in a fleet', () => {
  let fleet: ProcessFleet;

  beforeEach(() => {
    fleet = new ProcessFleet(folder);
  });

  afterEach(() => fleet.stop());

  async function carryOut(...words: string[]): Promise<ReturnType<typeof JSON.parse>> {
    const running = fleet.run([...words, '--json']);
    const sync = await fleet.waitingSync();
    expect(await fleet.run(['approve', sync, '--yes'], 'approver')).toMatchObject({ code: 0 });
    return JSON.parse((await running).stdout);
  }

  it('is approved by another person and put back at every destination, with the source offline', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': {}, 'b/two': {} });
    for (const server of ['b/one', 'b/two']) writeOld(fleet.rootOf(server));
    const before = readTree(fleet.rootOf('b/one'));
    const { sync, verdict } = await carryOut('sync', 'a/source', 'b/one', 'b/two');
    expect(verdict).toBe('SUCCEEDED');
    await fleet.killAgent('a/source');
    const own = fleet.run(['rollback', sync, '--yes', '--json']);
    const waiting = await fleet.waitingSync();
    expect(await fleet.run(['approve', waiting, '--yes'], 'engineer')).toMatchObject({ code: 3 });
    expect(await fleet.run(['approve', waiting, '--yes'], 'approver')).toMatchObject({ code: 0 });
    expect(JSON.parse((await own).stdout)).toMatchObject({ verdict: 'SUCCEEDED', rollbackOf: sync });
    for (const server of ['b/one', 'b/two']) expect(readTree(fleet.rootOf(server))).toEqual(before);
    const { stdout } = await fleet.run(['history', '--json']);
    expect(JSON.parse(stdout).syncs[0]).toMatchObject({ mode: 'rollback', rollbackOf: sync, verdict: 'SUCCEEDED' });
  });
});

function photograph(root: string): Record<string, string> {
  const tree = readTree(root);
  for (const path of Object.keys(tree)) tree[path] += ` ${lstatSync(join(root, path)).ino}`;
  return tree;
}
