import { chmodSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { readTree } from '#test/support/trees.ts';
import { contents } from './contents.ts';
import { beginPair } from './windows-pair.ts';
import type { WindowsServer } from './windows-server.ts';
import { holdOpen } from './windows-tools.ts';

const OURS = { 'a.cfg': 'new a', 'b/b.cfg': 'new b', 'c.cfg': 'new c' };
const THEIRS = { 'a.cfg': 'old a', 'b/b.cfg': 'old b', 'gone.cfg': 'gone', 'x.lic': 'theirs' };

/** The server's files, without what waits in the agent's folder until the other program lets go of it. */
function filesOf({ root }: WindowsServer): Record<string, string> {
  return Object.fromEntries(Object.entries(readTree(root)).filter(([path]) => !path.startsWith('.lockstep/')));
}

describe('a file that another program has open', () => {
  it.each(['b/b.cfg', 'gone.cfg'])('lets a mirror be rolled back, and the receipt names it: %s', async (path) => {
    const { control, destination } = await beginPair(OURS, THEIRS);
    const planned = await control.plan('mirror');
    const before = filesOf(destination);
    const holder = await holdOpen(join(destination.root, path));
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: expect.stringContaining(path.replace('/', '\\')),
    });
    expect(filesOf(destination)).toEqual(before);
    await holder.release();
    const again = await control.apply(await control.plan('mirror'));
    expect(again).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(Object.keys(readTree(destination.root))).not.toContain('.lockstep/');
  });

  it('is waited for: one that is closed soon is replaced', async () => {
    const { control, destination, source } = await beginPair(OURS, THEIRS);
    const planned = await control.plan('mirror');
    const holder = await holdOpen(join(destination.root, 'b/b.cfg'));
    const receipt = control.apply(planned);
    while (readFileSync(join(destination.root, 'a.cfg'), 'utf8') !== 'new a') await sleep(5);
    await holder.release();
    expect(await receipt).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(contents(destination.root)).toEqual({ ...contents(source), 'x.lic': sha256('theirs') });
  });
});

describe('a read-only file', () => {
  it('is updated and removed like any other; the attribute stays where the source says nothing of it', async () => {
    const { control, destination } = await beginPair(OURS, THEIRS);
    for (const path of ['a.cfg', 'b/b.cfg', 'gone.cfg', 'x.lic']) chmodSync(join(destination.root, path), 0o444);
    const planned = await control.plan('mirror');
    const operations = planned.operations.map((one) =>
      // As from a source on Windows.
      one.path === 'a.cfg' && one.change === 'update' ? { ...one, mode: null } : one,
    );
    expect(await control.apply({ ...planned, operations })).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(Object.keys(contents(destination.root))).toEqual(['a.cfg', 'c.cfg', 'x.lic', 'b/b.cfg']);
    expect(readFileSync(join(destination.root, 'a.cfg'), 'utf8')).toBe('new a');
    const isReadOnly = (path: string) => (lstatSync(join(destination.root, path)).mode & 0o222) === 0;
    expect(['a.cfg', 'b/b.cfg', 'x.lic'].filter(isReadOnly)).toEqual(['a.cfg', 'x.lic']);
  });

  it('is read-only again after an apply that was rolled back', async () => {
    const { control, destination } = await beginPair(OURS, THEIRS);
    for (const path of ['a.cfg', 'gone.cfg']) chmodSync(join(destination.root, path), 0o444);
    const planned = await control.plan('mirror');
    const before = readTree(destination.root);
    // A plan that promises another state than its operations lead to is found out only after the swap.
    const header = { ...planned.header, stateAfter: planned.header.stateBefore };
    expect(await control.apply({ ...planned, header })).toMatchObject({ outcome: 'ROLLED_BACK' });
    expect(readTree(destination.root)).toEqual(before);
  });
});
