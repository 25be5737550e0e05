import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { activate } from '#agents/activate.ts';
import { stateOf } from '#agents/apply-state.ts';
import { makeWorkFolder, workFolderOf } from '#agents/work-folder.ts';
import type { ApplyOrder } from '#core/order.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { leaveHalfSwapped } from './half-swapped.ts';
import { testFolder } from './test-folder.ts';

async function begin() {
  const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, { 'a.ini': 'new a' });
  writeTree(destination, { 'a.ini': 'old a', 'gone.ini': 'gone' });
  const control = new Control();
  const agents = [control.start(SOURCE, source), control.start(DESTINATION, destination)];
  const planned = await control.plan('mirror');
  await Promise.all(agents.map(({ stop }) => stop()));
  const order = (await control.orderApply(planned)) as ApplyOrder;
  return { control, destination, order, planned };
}

describe('pre-images', () => {
  it.each(['update', 'remove'])(
    'are taken once: a swap that meets one of an %s does not replace it',
    async (change) => {
      const { destination: root, order, planned } = await begin();
      const { journal, work } = await leaveHalfSwapped({ root, order, planned, steps: 0 });
      const number = planned.operations.findIndex((operation) => operation.change === change);
      writeFileSync(work.old(number), 'the pre-image');
      const before = readTree(root);
      await expect(Array.fromAsync(activate({ root, work, journal }))).rejects.toThrow(/EEXIST|has appeared meanwhile/);
      expect(readFileSync(work.old(number), 'utf8')).toBe('the pre-image');
      expect(readTree(root)['gone.ini'] ?? readTree(root)['a.ini']).toBeDefined();
      expect(before).toHaveProperty('gone.ini');
    },
  );

  it('are taken into an empty folder: what an attempt without a journal has left counts for nothing', async () => {
    const { destination: root, order } = await begin();
    const work = workFolderOf(root, order);
    for (const folder of ['new', 'old']) mkdirSync(join(work.path, folder), { recursive: true });
    for (const path of [work.old(0), work.receipt, work.undoing, work.hooksBegun]) writeFileSync(path, 'left');
    writeFileSync(join(work.path, 'new/0.staged'), 'staged');
    makeWorkFolder(root, work);
    expect(stateOf(work)).toEqual({ state: 'staged' });
    const left = Object.keys(readTree(work.path));
    expect(left.sort()).toEqual(['new/', 'new/0.staged', 'old/']);
  });

  it('are not taken over those of an apply that is not undone, by whatever order', async () => {
    const { control, destination: root, planned } = await begin();
    const agent = control.start(DESTINATION, root);
    while (!agent.events.some(({ event }) => event === 'agent-started'))
      await new Promise((resolve) => setTimeout(resolve, 2));
    const order = { order: `${planned.header.sync}-apply-other` } as ApplyOrder;
    const work = workFolderOf(root, order);
    makeWorkFolder(root, work);
    writeFileSync(work.journal, 'whatever it says');
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'GUARD',
      detail: expect.stringContaining(work.path),
    });
  });
});
