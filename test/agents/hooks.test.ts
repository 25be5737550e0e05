import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AgentDependencies } from '#agents/agent.ts';
import { markHooksBegun, markUndoing } from '#agents/apply-state.ts';
import { type Hooks, hookEnvironment } from '#agents/hook-settings.ts';
import type { ApplyOrder } from '#core/order.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, SOURCE } from './control.ts';
import { leaveHalfSwapped } from './half-swapped.ts';
import { noting, scripted } from './scripted-hook.ts';
import { testFolder } from './test-folder.ts';

const OURS = { 'a.ini': 'new', 'firmware/b.bin': 'made', 'x.lic': 'ours' };
const THEIRS = { 'a.ini': 'old', 'gone.txt': 'gone', 'x.lic': 'theirs' };

interface Scene {
  readonly control: Control;
  readonly planned: Planned;
  readonly destination: string;
  /** What the hooks have written, a line each. */
  readonly notes: () => string[];
  readonly notesFile: string;
  readonly start: (hooks: Hooks) => ReturnType<Control['start']>;
}

/** A mirroring plan for a destination whose agent is still to be started with hooks. */
async function begin(): Promise<Scene> {
  const folder = testFolder();
  const [source, destination, notesFile] = [join(folder, 'source'), join(folder, 'destination'), join(folder, 'notes')];
  writeTree(source, OURS);
  writeTree(destination, THEIRS);
  writeFileSync(notesFile, '');
  const control = new Control();
  const agent: Partial<AgentDependencies> = {
    stateFolder: testFolder(),
    signer: createKeySigner(),
    hookEnvironment: hookEnvironment({ ...process.env, AWS_SECRET_ACCESS_KEY: 'secret' }),
  };
  const agents = [control.start(SOURCE, source), control.start(DESTINATION, destination, agent)];
  const planned = await control.plan('mirror');
  await Promise.all(agents.map(({ stop }) => stop()));
  return {
    control,
    planned,
    destination,
    notesFile,
    notes: () => readFileSync(notesFile, 'utf8').split('\n').slice(0, -1),
    start: (hooks) => control.start(DESTINATION, destination, { ...agent, hooks }),
  };
}

/** All that a write would change. */
function statTree(root: string): Record<string, unknown> {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const { ctimeNs, ino, mtimeNs } = lstatSync(join(root, name), { bigint: true });
      return [name, { ctimeNs, ino, mtimeNs }];
    }),
  );
}

describe('hooks around an apply', () => {
  it('are run in their order, before on the old files and after and check on the new ones, and are in the receipt', async () => {
    const { control, notes, notesFile, planned, start } = await begin();
    const hook = noting(notesFile, 'a.ini', "console.log('done ' + process.env.LOCKSTEP_STEP)");
    start({ before: hook, after: hook, check: { ...hook, intervalSeconds: 1 } });
    const receipt = await control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(notes()).toEqual(['before: old', 'after: new', 'check: new']);
    expect(receipt.hooks).toMatchObject([
      { name: 'before', outcome: 'succeeded', status: 'exit status 0', output: 'done before' },
      { name: 'after', outcome: 'succeeded', status: 'exit status 0', output: 'done after' },
      { name: 'check', outcome: 'succeeded', status: 'exit status 0 at attempt 1', output: 'done check' },
    ]);
  });

  it('are told what they are run for, and see nothing else of the agent than where programs are', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const script = "require('node:fs').appendFileSync(args[0], JSON.stringify(process.env) + '\\n')";
    start({ before: scripted(script, notesFile) });
    const { sync } = await control.apply(planned);
    const environment = JSON.parse(notes()[0] ?? '') as Record<string, string>;
    expect(environment).toMatchObject({
      LOCKSTEP_STEP: 'before',
      LOCKSTEP_SYNC: sync,
      LOCKSTEP_SERVER: DESTINATION,
      LOCKSTEP_MODE: 'mirror',
      LOCKSTEP_CLASSES: 'configuration,firmware',
      LOCKSTEP_ROOT: destination,
      PATH: process.env.PATH,
    });
    expect(Object.keys(environment).filter((name) => /AWS|VITEST|NODE/.test(name))).toEqual([]);
  });

  it.each([
    ['ends badly', "console.log('locked by a user'); process.exitCode = 3", 30, 'exit status 3'],
    ['takes too long', "console.log('locked by a user'); setTimeout(() => {}, 60000)", 1, 'killed after 1 seconds'],
  ])(
    'write nothing when the before hook %s, and start again what it may have stopped',
    async (_, script, timeoutSeconds, status) => {
      const { control, destination, notes, notesFile, planned, start } = await begin();
      const before = { tree: readTree(destination), stats: statTree(destination) };
      start({ before: { ...scripted(script), timeoutSeconds }, after: noting(notesFile, 'a.ini') });
      const receipt = await control.apply(planned);
      expect(receipt).toMatchObject({
        outcome: 'REFUSED',
        reason: 'HOOK_FAILED',
        detail: expect.stringMatching(
          `^the before hook failed: ${status}, after [\\d.]+ seconds, last output: locked by a user; nothing was written; the after hook was run again$`,
        ),
        hooks: [{ name: 'before' }, { name: 'undo', outcome: 'succeeded' }],
      });
      expect(notes()).toEqual(['undo: old']);
      expect({ tree: readTree(destination), stats: statTree(destination) }).toEqual(before);
    },
  );

  it('write nothing when the program that was stopped has changed a file with its last words', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const lastWords = "require('node:fs').writeFileSync(process.env.LOCKSTEP_ROOT + '/a.ini', 'last words')";
    start({ before: scripted(lastWords), after: noting(notesFile, 'a.ini') });
    expect(await control.apply(planned)).toMatchObject({ outcome: 'REFUSED', reason: 'STALE_PLAN' });
    expect(notes()).toEqual(['undo: last words']);
    expect(readFileSync(join(destination, 'gone.txt'), 'utf8')).toBe('gone');
  });

  it('lead back when the after hook fails, and start again on the old files', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const before = readTree(destination);
    const onlyUndo =
      "if (process.env.LOCKSTEP_STEP === 'after') { console.log('no such module'); process.exitCode = 4 }";
    start({ after: noting(notesFile, 'a.ini', onlyUndo) });
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: expect.stringMatching(
        /^the after hook failed: exit status 4, .*last output: no such module; the old state is restored; the after hook was run again$/,
      ),
      hooks: [
        { name: 'after', outcome: 'failed' },
        { name: 'undo', outcome: 'succeeded' },
      ],
    });
    expect(notes()).toEqual(['after: new', 'undo: old']);
    expect(readTree(destination)).toEqual(before);
  });

  it('say when what was stopped could not be started again', async () => {
    const { control, destination, planned, start } = await begin();
    const before = readTree(destination);
    start({ before: scripted(''), after: scripted("console.log('broken'); process.exitCode = 5") });
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: expect.stringMatching(
        /the old state is restored; then the after hook failed: exit status 5.*is running$/,
      ),
    });
    expect(readTree(destination)).toEqual(before);
  });

  it('ask the check hook again until it is content', async () => {
    const { control, notes, notesFile, planned, start } = await begin();
    const third = "process.exitCode = fs.readFileSync(notes, 'utf8').split('check').length > 3 ? 0 : 1";
    start({ check: { ...noting(notesFile, 'a.ini', third), intervalSeconds: 0.01 } });
    const receipt = await control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(receipt.hooks).toMatchObject([{ name: 'check', status: 'exit status 0 at attempt 3' }]);
    expect(notes()).toHaveLength(3);
  });

  it('lead back when the check hook is not content in its time', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const before = readTree(destination);
    const check = {
      ...scripted("console.log('no answer'); process.exitCode = 1"),
      timeoutSeconds: 1,
      intervalSeconds: 0.1,
    };
    start({ after: noting(notesFile, 'a.ini'), check });
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: expect.stringMatching(/^the check hook failed: .* at attempt \d+, after .*; the old state is restored/),
      hooks: [{ name: 'after' }, { name: 'check', outcome: 'timed-out' }, { name: 'undo' }],
    });
    expect(notes()).toEqual(['after: new', 'undo: old']);
    expect(readTree(destination)).toEqual(before);
  });

  it('are not run on a tree that could not be restored, before a restart has done so', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const before = readTree(destination);
    const obstacle = join(destination, 'gone.txt');
    const inTheWay =
      "if (process.env.LOCKSTEP_STEP === 'after') { fs.mkdirSync(args[2] + '/x', { recursive: true }); process.exitCode = 1 }";
    const after = noting(notesFile, 'a.ini', inTheWay);
    const agent = start({ after: { ...after, command: [...after.command, obstacle] } });
    expect(await control.apply(planned)).toMatchObject({
      outcome: 'FAILED',
      detail: expect.stringContaining('The after hook is not run before that.'),
    });
    expect(notes()).toEqual(['after: new']);
    await agent.stop();
    rmSync(obstacle, { recursive: true });
    const restarted = start({ after: noting(notesFile, 'a.ini') });
    while (existsSync(join(destination, '.lockstep'))) await new Promise((resolve) => setTimeout(resolve, 2));
    await restarted.stop();
    expect(notes()).toEqual(['after: new', 'undo: old']);
    expect(readTree(destination)).toEqual(before);
  });

  it('keep the reason of a rollback over a kill', async () => {
    const { control, destination, notes, notesFile, planned, start } = await begin();
    const order = (await control.orderApply(planned)) as ApplyOrder;
    const { work } = await leaveHalfSwapped({ root: destination, order, planned, steps: 3 });
    await markHooksBegun(work);
    await markUndoing(work, { why: 'the check hook failed', hooks: [] }, () => undefined);
    start({ after: noting(notesFile, 'gone.txt') });
    expect(await control.receipt(order)).toMatchObject({
      outcome: 'ROLLED_BACK',
      detail: 'the check hook failed; the old state is restored; the after hook was run again',
    });
    expect(notes()).toEqual(['undo: gone']);
  });
});
