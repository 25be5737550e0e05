import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessFleet } from '#test/support/process-fleet.ts';
import { type Ended, Programs } from '#test/support/programs.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';

const OLD: Tree = { 'a.cfg': 'old', 'deep/b.cfg': 'same', 'x.lic': 'license of the destination', 'kept.cfg': 'k' };
const NEW: Tree = { 'a.cfg': 'new', 'deep/b.cfg': 'same', 'c.cfg': 'c', 'x.lic': 'license of the source' };

/** Other bytes, and as little to be seen of it as a program can do. */
function tamper(path: string, content: string): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, content);
  utimesSync(path, atime, mtime);
}

describe('folders of one machine', () => {
  let folder: string;
  let programs: Programs;
  let destination: string;

  function run(...args: string[]): Promise<Ended> {
    return programs.run('lockstep', args);
  }

  beforeEach(async () => {
    folder = await temporaryFolder();
    programs = new Programs({ XDG_STATE_HOME: join(folder, 'state'), LOCKSTEP_STORE: '' });
    destination = join(folder, 'old');
    writeTree(join(folder, 'new'), NEW);
    writeTree(destination, OLD);
    writeTree(join(folder, 'unknown'), OLD);
  });

  afterEach(() => programs.stop());

  it('are verified against the last sync, and left as they are', async () => {
    expect((await run('sync', join(folder, 'new'), destination, '--yes')).code).toBe(0);
    const before = readTree(destination);
    const good = await run('verify', destination);
    expect(good.stdout).toContain(`${destination}: verified: 5 files, 9 B, as sync `);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(readTree(destination)).toEqual(before);

    tamper(join(destination, 'deep/b.cfg'), 'SAME');
    tamper(join(destination, 'x.lic'), 'license of somebody else...'.slice(0, 26));
    const bad = await run('verify', destination, '--json');
    expect(JSON.parse(bad.stdout)).toMatchObject({
      verdict: 'DRIFTED',
      servers: [
        {
          path: destination,
          counts: { changed: 2, missing: 0, added: 0 },
          drift: [
            { change: 'changed', path: 'deep/b.cfg', class: 'configuration' },
            { change: 'changed', path: 'x.lic', class: 'license', isProtected: true },
          ],
        },
      ],
    });
    expect(bad.code).toBe(1);

    const { code, stdout } = await run('history', destination, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).orders).toMatchObject([
      { step: 'inventory', outcome: 'DONE' },
      { step: 'apply', outcome: 'SUCCEEDED', follows: 'yes' },
      { step: 'verify', outcome: 'DONE', follows: 'yes' },
      { step: 'verify', outcome: 'DONE', follows: 'changed-between' },
    ]);
  });

  it('cannot be verified where nothing is known of them, or under another profile', async () => {
    expect(await run('verify', destination)).toMatchObject({ code: 2, stderr: expect.stringContaining('no store') });
    expect((await run('sync', join(folder, 'new'), destination, '--yes')).code).toBe(0);
    expect(await run('verify', join(folder, 'unknown'))).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('no receipt to compare with'),
    });
    const other = await run('verify', destination, '--profile', 'thinmanager');
    expect(other).toMatchObject({ code: 3, stdout: expect.stringContaining('REFUSED PROFILE') });
    expect((await run('verify', destination)).code).toBe(0);
  });
});

describe('a server of a fleet', () => {
  let fleet: ProcessFleet;

  beforeEach(async () => {
    fleet = new ProcessFleet(await temporaryFolder());
  });

  afterEach(() => fleet.stop());

  it('is verified by its agent, which reads what it remembers, too', async () => {
    await fleet.start({ 'a/source': NEW, 'b/one': OLD }, 'approval:\n  requester-may-approve: true\n');
    expect((await fleet.run(['sync', 'a/source', 'b/one', '--yes'])).code).toBe(0);
    expect(await fleet.run(['verify', 'b/one', 'a/source'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('VERIFIED: 2 of 2 servers as the last receipt says'),
    });
    writeFileSync(join(fleet.rootOf('b/one'), 'c.cfg'), 'edited');
    const { code, stdout } = await fleet.run(['verify', 'b/one', 'a/source', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'DRIFTED',
      servers: [
        { server: 'b/one', verdict: 'DRIFTED', drift: [{ change: 'changed', path: 'c.cfg' }] },
        { server: 'a/source', verdict: 'VERIFIED' },
      ],
    });
  });
});
