import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { readJournal } from '#agents/journal.ts';
import { undo } from '#agents/undo.ts';
import { type WorkFolder, workFolderOf } from '#agents/work-folder.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { ApplyOrder } from '#core/order.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, SOURCE } from './control.ts';
import { leaveHalfSwapped, STEPS } from './half-swapped.ts';
import { testFolder } from './test-folder.ts';

const OURS: Tree = {
  'a.ini': 'new a',
  'made/x/y.txt': 'made',
  'b.ini': 'new b',
  'empty/e/': '',
  'made/z': 'file',
  'x.lic': 'ours',
};
const THEIRS: Tree = {
  'a.ini': 'old a',
  'b.ini': 'old b',
  'gone/deep/c.ini': 'c',
  'made/x': 'file',
  'made/z/deep/b.txt': 'b',
  'x.lic': 'theirs',
  'odd.what': '?',
};

interface Scene {
  readonly control: Control;
  readonly source: string;
  readonly destination: string;
  readonly agent: { readonly stateFolder: string; readonly signer: ReturnType<typeof createKeySigner> };
}

function begin(): Scene {
  const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, OURS);
  writeTree(destination, THEIRS);
  chmodSync(join(destination, 'gone'), 0o750);
  return {
    control: new Control(),
    source,
    destination,
    agent: { stateFolder: testFolder(), signer: createKeySigner() },
  };
}

async function plan({ agent, control, destination, source }: Scene): Promise<Planned> {
  const agents = [control.start(SOURCE, source), control.start(DESTINATION, destination, agent)];
  const planned = await control.plan('mirror');
  await Promise.all(agents.map(({ stop }) => stop()));
  return planned;
}

describe('a swap that fails', () => {
  it('is undone: the tree is as before, and the receipt says why', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const before = readTree(scene.destination);
    // A plan that promises another state than its operations lead to is found out only after the swap.
    const header = { ...planned.header, stateAfter: planned.header.stateBefore };
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.apply({ ...planned, header })).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: expect.stringContaining('the old state is restored'),
    });
    expect(readTree(scene.destination)).toEqual(before);
  });
});

describe('a tree that changes while its new files are fetched', () => {
  /** A store whose first range is slow enough for a hand in between. */
  class InterferingStore extends MemoryStore {
    interfere: () => void = () => undefined;

    override getRange(...args: Parameters<MemoryStore['getRange']>): ReturnType<MemoryStore['getRange']> {
      this.interfere();
      return super.getRange(...args);
    }
  }

  it.each([
    ['a file to be replaced', 'a.ini', 'STALE_PLAN'],
    ['a file to be removed', 'gone/deep/c.ini', 'STALE_PLAN'],
    ['a file that was to be made', 'made/new.txt', 'GUARD'],
  ])('is left alone when it was %s', async (_, path, reason) => {
    const store = new InterferingStore();
    const scene = { ...begin(), control: new Control(store) };
    writeTree(scene.source, { 'made/new.txt': 'ours' });
    const planned = await plan(scene);
    store.interfere = () => writeTree(scene.destination, { [path]: 'written by a stranger' });
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    const receipt = await scene.control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason });
    expect(readFileSync(join(scene.destination, path), 'utf8')).toBe('written by a stranger');
    expect(readFileSync(join(scene.destination, 'b.ini'), 'utf8')).toBe('old b');
    expect(existsSync(join(scene.destination, '.lockstep'))).toBe(false);
  });

  it('is rolled back when it was another file, whose change stays', async () => {
    const store = new InterferingStore();
    const scene = { ...begin(), control: new Control(store) };
    const planned = await plan(scene);
    store.interfere = () => writeTree(scene.destination, { 'other.ini': 'written by a stranger' });
    const before = readTree(scene.destination);
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    const receipt = await scene.control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'ROLLED_BACK', detail: expect.stringContaining('not by Lockstep') });
    const { 'other.ini': stranger, ...rest } = readTree(scene.destination);
    expect(stranger).toBeDefined();
    expect(rest).toEqual(before);
  });
});

describe('an agent that was killed in the swap', () => {
  it.each(STEPS)(
    'after %s changes has every updated file in its place, restores the old state at its next start, and answers the order',
    async (steps) => {
      const scene = begin();
      const planned = await plan(scene);
      const before = readTree(scene.destination);
      const order = (await scene.control.orderApply(planned)) as ApplyOrder;
      await leaveHalfSwapped({ root: scene.destination, order, planned, steps });
      expect(Object.keys(readTree(scene.destination))).toEqual(expect.arrayContaining(['a.ini', 'b.ini']));
      scene.control.start(DESTINATION, scene.destination, scene.agent);
      expect(await scene.control.receipt(order)).toMatchObject({
        outcome: 'ROLLED_BACK',
        detail: expect.stringContaining('stopped while it applied'),
      });
      expect(readTree(scene.destination)).toEqual(before);
    },
  );

  it('restores the old state even when it is killed again while it does', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const before = readTree(scene.destination);
    const order = (await scene.control.orderApply(planned)) as ApplyOrder;
    const { journal, work } = await leaveHalfSwapped({ root: scene.destination, order, planned, steps: 6 });
    await undo({ root: scene.destination, work, journal });
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.receipt(order)).toMatchObject({ outcome: 'ROLLED_BACK' });
    expect(readTree(scene.destination)).toEqual(before);
  });

  it('leaves alone what it had not touched yet, even when somebody has cleared its staging', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const before = readTree(scene.destination);
    const order = (await scene.control.orderApply(planned)) as ApplyOrder;
    const { work } = await leaveHalfSwapped({ root: scene.destination, order, planned, steps: 0 });
    rmSync(join(work.path, 'new'), { recursive: true });
    mkdirSync(join(work.path, 'new'));
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.receipt(order)).toMatchObject({ outcome: 'ROLLED_BACK' });
    expect(readTree(scene.destination)).toEqual(before);
  });

  it('says FAILED and keeps the old files when something stands in the way', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const order = (await scene.control.orderApply(planned)) as ApplyOrder;
    const { work } = await leaveHalfSwapped({
      root: scene.destination,
      order,
      planned,
      steps: Number.POSITIVE_INFINITY,
    });
    rmSync(join(scene.destination, 'a.ini'));
    mkdirSync(join(scene.destination, 'a.ini/planted'), { recursive: true });
    rmSync(join(work.path, 'new'), { recursive: true });
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.receipt(order)).toMatchObject({
      outcome: 'FAILED',
      detail: expect.stringContaining(`${work.path}/old`),
    });
    expect(readdirSync(join(work.path, 'old')).length).toBeGreaterThan(0);
    expect(readJournal(work)).toBeDefined();
  });

  it('keeps the new state when the apply was committed, and sends the receipt that was ready', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const agent = scene.control.start(DESTINATION, scene.destination, scene.agent);
    const order = (await scene.control.orderApply(planned)) as ApplyOrder;
    const receipt = await scene.control.receipt(order);
    await agent.stop();
    const after = readTree(scene.destination);
    // As if it had been killed between its commit and the sending.
    const key = keys.receipt(DESTINATION, parseOrderId(order.order));
    const stored = await scene.control.store.get(key);
    await scene.control.store.delete(key);
    rmSync(join(scene.agent.stateFolder, 'state.json'));
    const { work } = await leaveHalfSwapped({ root: scene.destination, order, planned, steps: 0, isStaged: false });
    writeFileSync(work.receipt, stored?.body ?? '');
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.receipt(order)).toEqual(receipt);
    expect(receipt.outcome).toBe('SUCCEEDED');
    expect(readTree(scene.destination)).toEqual(after);
  });
});

describe('an agent that was killed while it staged', () => {
  it('goes on with what it has: nothing is fetched twice', async () => {
    const scene = begin();
    const planned = await plan(scene);
    const order = (await scene.control.orderApply(planned)) as ApplyOrder;
    const { work } = await leaveHalfSwapped({ root: scene.destination, order, planned, steps: 0 });
    rmSync(work.journal);
    for await (const { key } of scene.control.store.list('packs/')) await scene.control.store.delete(key);
    scene.control.start(DESTINATION, scene.destination, scene.agent);
    expect(await scene.control.receipt(order)).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('removes what it staged for an order that is no longer to be obeyed', async () => {
    const scene = begin();
    await plan(scene);
    const work: WorkFolder = workFolderOf(scene.destination, { order: 'long-gone' });
    mkdirSync(join(work.path, 'new'), { recursive: true });
    writeFileSync(join(work.path, 'new/0'), 'rubbish');
    const before = Object.keys(readTree(scene.destination)).filter((path) => !path.startsWith('.lockstep'));
    const agent = scene.control.start(DESTINATION, scene.destination, scene.agent);
    while (existsSync(work.path)) await new Promise((resolve) => setTimeout(resolve, 2));
    await agent.stop();
    expect(Object.keys(readTree(scene.destination))).toEqual(before);
  });
});
