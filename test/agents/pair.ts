import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { AgentDependencies } from '#agents/agent.ts';
import type { Operation } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ApplyReceipt, FailureReceipt } from '#core/receipt.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, type RunningAgent, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

/** A source and a destination with real agents. */
export interface Pair {
  readonly control: Control;
  readonly source: string;
  readonly destination: string;
  readonly agent: RunningAgent;
}

const OURS: Tree = { 'a.ini': 'new', 'firmware/b.bin': 'made'.repeat(100), 'x.lic': 'ours' };
const THEIRS: Tree = { 'a.ini': 'old', 'licenses/Server.dat': 'theirs', 'x.lic': 'theirs', 'd/c.ini': 'c' };

export interface PairOptions {
  readonly store?: ObjectStore;
  /** Of the destination's agent. */
  readonly agent?: Partial<AgentDependencies>;
}

export function beginPair(ours: Tree = OURS, theirs: Tree = THEIRS, { agent, store }: PairOptions = {}): Pair {
  const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, ours);
  writeTree(destination, theirs);
  const control = new Control(store);
  control.start(SOURCE, source);
  return { control, source, destination, agent: control.start(DESTINATION, destination, agent) };
}

/** Plans, lets `change` happen, applies; the destination must be as it was then, to the inode. */
export async function refusalAfter(
  pair: Pair,
  change: (planned: Planned) => Planned | Promise<Planned>,
): Promise<ApplyReceipt | FailureReceipt> {
  const planned = await change(await pair.control.plan());
  const before = photograph(pair.destination);
  const receipt = await pair.control.apply(planned);
  expect(photograph(pair.destination)).toEqual(before);
  return receipt;
}

/** Everything that a run could change, times of folders too, and which file on the disk it is: not even an equal one. */
export function photograph(root: string): Record<string, string> {
  const tree = readTree(root);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { ino, mtimeMs } = lstatSync(path);
    tree[`${path.slice(root.length + 1)} on the disk`] = `${ino} ${mtimeMs}`;
  }
  return tree;
}

/** The same plan with one operation more, or another one on this path, as only its signer could write it. */
export function withOperation(planned: Planned, path: string, more: object = {}): Planned {
  const content = planned.operations.find((operation) => operation.change === 'create');
  const operation = { ...content, path, ...more } as Operation;
  const operations = [...planned.operations.filter((one) => one.path !== path), operation].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  return { ...planned, operations };
}
