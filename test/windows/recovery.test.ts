import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { contents } from './contents.ts';
import { beginPair } from './windows-pair.ts';
import type { WindowsServer } from './windows-server.ts';

/** So many that a kill can come between two of them. */
const FILES = Array.from({ length: 120 }, (_, number) => `Modules/${number % 10}/module-${number}.bin`);
const OURS: Tree = Object.fromEntries(FILES.map((path) => [path, `new ${path}`]));
const THEIRS: Tree = Object.fromEntries([
  ...FILES.map((path, number) => (number % 3 === 0 ? [`gone/${number}.cfg`, 'gone'] : [path, `old ${path}`])),
  ['x.lic', 'theirs'],
]);
const LICENSE = { 'x.lic': sha256('theirs') };

/** Where in an apply the agent is killed, as can be seen in its tree from outside. */
const MOMENTS: readonly (readonly [string, (server: WindowsServer) => boolean])[] = [
  ['when it stages', ({ root }) => existsSync(join(root, '.lockstep'))],
  ['when it has written its journal', ({ root }) => inWork(root, 'journal.ndjson')],
  ['when half of the old files are set aside', ({ root }) => count(root, 'old') >= 60],
  ['when half of the new files are in place', ({ root }) => existsSync(join(root, 'Modules/5/module-15.bin'))],
  ['when it has written its receipt', ({ root }) => inWork(root, 'receipt.json')],
];

describe('an agent on Windows that is killed in an apply', () => {
  it('leaves the old state or the new one at its next start, and says which, whenever it is killed', async () => {
    const { control, destination, source } = await beginPair(OURS, THEIRS);
    const outcomes: string[] = [];
    for (const [moment, isNow] of MOMENTS) {
      const planned = await control.plan('mirror');
      const removals = planned.operations.filter(({ change }) => change === 'remove').length;
      const before = readTree(destination.root);
      const order = await control.orderApply(planned, { acknowledgedRemovals: removals });
      while (!isNow(destination)) await sleep(1);
      await destination.kill();
      destination.start();
      const { outcome } = await control.receipt(order);
      outcomes.push(outcome);
      if (outcome === 'ROLLED_BACK') {
        expect(readTree(destination.root), moment).toEqual(before);
      } else {
        expect(outcome, moment).toBe('SUCCEEDED');
        expect(contents(destination.root), moment).toEqual({ ...contents(source), ...LICENSE });
        putBack(destination.root);
      }
    }
    expect(outcomes).toContain('ROLLED_BACK');
  });
});

/** The destination as it was at first. */
function putBack(root: string): void {
  rmSync(root, { recursive: true });
  writeTree(root, THEIRS);
}

function inWork(root: string, name: string): boolean {
  return workFolders(root).some((work) => existsSync(join(work, name)));
}

function count(root: string, folder: string): number {
  return workFolders(root).reduce((sum, work) => sum + listed(join(work, folder)).length, 0);
}

function workFolders(root: string): string[] {
  const own = join(root, '.lockstep');
  return listed(own).map((name) => join(own, name));
}

function listed(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
