import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commit, markHooksBegun, markUndoing } from '#agents/apply-state.ts';
import { openAgentSigner } from '#agents/enrol.ts';
import type { Hooks } from '#agents/hook-settings.ts';
import type { WorkFolder } from '#agents/work-folder.ts';
import type { ApplyOrder } from '#core/order.ts';
import type { Receipt } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import { type Ended, Programs } from '#test/support/programs.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { NO_STORE, setHooks, writeAgent } from './agent-of-files.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { leaveHalfSwapped } from './half-swapped.ts';
import { noting } from './scripted-hook.ts';
import { testFolder } from './test-folder.ts';

const OURS = { 'a.ini': 'new a', 'b.ini': 'new b', 'made/z': 'file' };
const THEIRS = { 'a.ini': 'old a', 'b.ini': 'old b', 'gone/c.ini': 'c', 'x.lic': 'theirs' };
/** More than the plan has changes to the tree. */
const ALL = 99;

interface Scene {
  readonly control: Control;
  readonly destination: string;
  readonly stateFolder: string;
  readonly order: ApplyOrder;
  readonly notes: string;
  readonly before: Readonly<Record<string, string>>;
  /** What a kill leaves after so many changes. */
  readonly cutOff: (steps: number) => Promise<WorkFolder>;
  /** Of the agent, back at work with a store that answers. */
  readonly receipt: () => Promise<Receipt>;
}

/** A destination that has an order, whose program knows only a store that nobody reaches. */
async function begin(hooks: Hooks = {}): Promise<Scene> {
  const folder = testFolder();
  const [source, destination, notes] = [join(folder, 'source'), join(folder, 'destination'), join(folder, 'notes')];
  writeTree(source, OURS);
  writeTree(destination, THEIRS);
  const control = new Control();
  const { signer, stateFolder } = await writeAgent(control, { root: destination, store: NO_STORE, hooks });
  const agents = [control.start(SOURCE, source), control.start(DESTINATION, destination, { signer, stateFolder })];
  const planned = await control.plan('mirror');
  await Promise.all(agents.map(({ stop }) => stop()));
  const order = (await control.orderApply(planned)) as ApplyOrder;
  return {
    control,
    destination,
    stateFolder,
    order,
    notes,
    before: readTree(destination),
    cutOff: async (steps) => (await leaveHalfSwapped({ root: destination, order, planned, steps })).work,
    receipt: async () => {
      control.start(DESTINATION, destination, { signer, stateFolder });
      return control.receipt(order);
    },
  };
}

function recover(root: string, ...args: string[]): Promise<Ended> {
  const programs = new Programs({});
  onTestFinished(() => programs.stop());
  return programs.run('lockstep-agent', ['recover', '--root', root, ...args]);
}

function settled({ stdout }: Ended): unknown {
  return JSON.parse(stdout);
}

describe('lockstep-agent recover', () => {
  it('finds nothing where no apply was cut off, also beside staged files', async () => {
    const { cutOff, destination, stateFolder } = await begin();
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({
      code: 0,
      stdout: 'nothing to recover: no apply was cut off here\n',
    });
    const work = await cutOff(0);
    rmSync(work.journal);
    const staged = readTree(destination);
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({ code: 0 });
    expect(readTree(destination)).toEqual(staged);
  });

  it.each([0, 1, 4, ALL])(
    'restores the old state after %s changes, and keeps the answer for the store',
    async (steps) => {
      const { before, cutOff, destination, order, receipt, stateFolder } = await begin();
      await cutOff(steps);
      const recovered = await recover(destination, '--state', stateFolder, '--json');
      expect(recovered.code).toBe(0);
      expect(settled(recovered)).toMatchObject({
        applies: [{ order: order.order, tree: 'old', detail: expect.stringContaining('stopped while it applied') }],
      });
      expect(readTree(destination)).toEqual(before);
      expect(await receipt()).toMatchObject({ outcome: 'ROLLED_BACK' });
    },
  );

  it('starts again what a hook may have stopped, once', async () => {
    const { before, cutOff, destination, notes, receipt, stateFolder } = await begin();
    setHooks(stateFolder, { after: noting(notes, 'a.ini') });
    await markHooksBegun(await cutOff(3));
    const { code, stdout } = await recover(destination, '--state', stateFolder);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/: old state restored: .*; the after hook was run again\n$/),
    });
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({
      stdout: expect.stringContaining('nothing'),
    });
    expect(readFileSync(notes, 'utf8')).toBe('undo: old a\n');
    expect(readTree(destination)).toEqual(before);
    expect(await receipt()).toMatchObject({ outcome: 'ROLLED_BACK', hooks: [{ name: 'undo', outcome: 'succeeded' }] });
  });

  it('runs no hook when none had begun', async () => {
    const { cutOff, destination, notes, stateFolder } = await begin();
    setHooks(stateFolder, { after: noting(notes, 'a.ini') });
    await cutOff(3);
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({ code: 0 });
    expect(existsSync(notes)).toBe(false);
  });

  it('goes on with an undo that was cut off, though a receipt of the commit lies there, and keeps its reason', async () => {
    const { before, cutOff, destination, order, receipt, stateFolder } = await begin();
    const work = await cutOff(ALL);
    await markUndoing(work, { why: 'the disk failed', hooks: [] }, () => undefined);
    writeFileSync(work.receipt, 'half a rec');
    const recovered = await recover(destination, '--state', stateFolder, '--json');
    expect(settled(recovered)).toMatchObject({ applies: [{ order: order.order, tree: 'old' }] });
    expect(readTree(destination)).toEqual(before);
    expect(await receipt()).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: 'the disk failed; the old state is restored',
    });
  });

  it('keeps the new state of a committed apply, and its receipt as it is', async () => {
    const { cutOff, destination, order, receipt, stateFolder } = await begin();
    const work = await cutOff(ALL);
    const committed = { ...common(order), outcome: 'SUCCEEDED', ...proof(order) } as Receipt;
    await commit(work, await sign(committed, await openAgentSigner(stateFolder)));
    const recovered = await recover(destination, '--state', stateFolder);
    expect(recovered).toMatchObject({ code: 0, stdout: expect.stringContaining(': new state kept (committed): ') });
    expect(readFileSync(join(destination, 'a.ini'), 'utf8')).toBe('new a');
    expect(existsSync(work.path)).toBe(false);
    expect(await receipt()).toEqual(committed);
  });

  it('ends with 1 and says what to do when the journal is damaged, and changes nothing', async () => {
    const { cutOff, destination, stateFolder } = await begin();
    const work = await cutOff(4);
    writeFileSync(work.journal, readFileSync(work.journal, 'utf8').replace('"operation"', '"operatoin"'));
    const damaged = readTree(destination);
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(`^an apply: NOT SETTLED: .*put them back by hand, then remove ${work.path}\n$`),
    });
    expect(readTree(destination)).toEqual(damaged);
  });

  it('without the state of the agent puts the tree right, and leaves hooks and answer to the agent', async () => {
    const { before, cutOff, destination, receipt } = await begin();
    await markHooksBegun(await cutOff(4));
    const { code, stdout } = await recover(destination, '--state', testFolder());
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(': old state restored: ') });
    const left = readTree(destination);
    const tree = Object.fromEntries(Object.entries(left).filter(([path]) => !path.startsWith('.lockstep/')));
    expect(tree).toEqual(before);
    expect(await receipt()).toMatchObject({ outcome: 'ROLLED_BACK' });
    expect(readTree(destination)).toEqual(before);
  });

  it('refuses while an agent is at work on the folder', async () => {
    const { control, destination, stateFolder } = await begin();
    const { events } = control.start(SOURCE, destination);
    while (!events.some(({ event }) => event === 'agent-started'))
      await new Promise((resolve) => setTimeout(resolve, 2));
    expect(await recover(destination, '--state', stateFolder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('stop it first'),
    });
  });

  it('is what every start does before it looks for its store', async () => {
    const { before, cutOff, destination, stateFolder } = await begin();
    await cutOff(4);
    const programs = new Programs({});
    const { code } = await programs.run('lockstep-agent', ['run', '--state', stateFolder]);
    expect(code).not.toBe(0);
    expect(readTree(destination)).toEqual(before);
  });
});

function common({ order, server, sync }: ApplyOrder) {
  const [startedAt, finishedAt] = ['2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z'];
  return { format: 'lockstep-receipt/1', order, server, sync, step: 'apply', startedAt, finishedAt } as const;
}

function proof({ part, plan }: ApplyOrder) {
  const states = { state: plan, protectedState: plan };
  const changes = { create: 1, update: 2, remove: 1, keep: 0 };
  return { plan, part, before: states, after: states, changes, bytesFetched: 0, secondsFetching: 0 } as const;
}
