import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { Programs } from '#test/support/programs.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { setHooks, writeAgent } from './agent-of-files.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { scripted } from './scripted-hook.ts';
import { testFolder } from './test-folder.ts';

/** Notes when it begins and, behind the gate, when it ends. */
const GATED = `
  const fs = require('node:fs');
  const [notes, gate] = args;
  const note = (what) => fs.appendFileSync(notes, process.env.LOCKSTEP_STEP + ' ' + what + '\\n');
  note('begins');
  const look = setInterval(() => {
    if (process.env.LOCKSTEP_STEP !== fs.readFileSync(gate, 'utf8')) return;
    note('ends');
    clearInterval(look);
  }, 5);`;

function startAgent(
  programs: Programs,
  stateFolder: string,
): { readonly child: ChildProcess; readonly log: () => string } {
  let log = '';
  const child = programs.start('lockstep-agent', ['run', '--state', stateFolder, '--poll', '0.02']);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  return { child, log: () => log };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(5);
}

describe('an agent that is killed while a hook runs', () => {
  it.each(['before', 'after', 'check'] as const)(
    'waits at its next start for the end of the %s hook, then restores the old state and starts again what was stopped',
    async (step) => {
      const folder = testFolder();
      const [source, destination] = [join(folder, 'source'), join(folder, 'destination')];
      const [notes, gate] = [join(folder, 'notes'), join(folder, 'gate')];
      writeTree(source, { 'a.ini': 'new', 'made.txt': 'made' });
      writeTree(destination, { 'a.ini': 'old', 'x.lic': 'theirs' });
      const before = readTree(destination);
      const control = new Control(await DirectoryStore.open(join(folder, 'store')));
      const { signer, stateFolder } = await writeAgent(control, {
        root: destination,
        store: pathToFileURL(join(folder, 'store')).href,
      });
      const here = [control.start(SOURCE, source), control.start(DESTINATION, destination, { signer, stateFolder })];
      const planned = await control.plan();
      await Promise.all(here.map(({ stop }) => stop()));

      writeFileSync(gate, '');
      const quick = scripted("require('node:fs').appendFileSync(args[0], process.env.LOCKSTEP_STEP + '\\n')", notes);
      const gated = scripted(GATED, notes, gate);
      setHooks(stateFolder, {
        before: step === 'before' ? gated : quick,
        after: step === 'after' ? gated : quick,
        check: { ...(step === 'check' ? gated : quick), intervalSeconds: 1 },
      });
      const programs = new Programs({});
      onTestFinished(() => programs.stop());
      const { child } = startAgent(programs, stateFolder);
      const order = await control.orderApply(planned);
      await until(() => existsSync(notes) && readFileSync(notes, 'utf8').includes(`${step} begins\n`));
      child.kill('SIGKILL');
      await once(child, 'exit');

      const restarted = startAgent(programs, stateFolder);
      await until(() => restarted.log().includes('hook-found-running'));
      appendFileSync(gate, step);
      if (step === 'after') {
        await until(() => readFileSync(notes, 'utf8').includes('undo begins\n'));
        writeFileSync(gate, 'undo');
      }
      expect(await control.receipt(order)).toMatchObject({
        outcome: 'ROLLED_BACK',
        detail: 'the agent was stopped while it applied; the old state is restored; the after hook was run again',
        hooks: [{ name: 'undo', outcome: 'succeeded' }],
      });
      expect(readFileSync(notes, 'utf8').split('\n').slice(0, -1)).toEqual(
        {
          before: ['before begins', 'before ends', 'undo'],
          after: ['before', 'after begins', 'after ends', 'undo begins', 'undo ends'],
          check: ['before', 'after', 'check begins', 'check ends', 'undo'],
        }[step],
      );
      expect(readTree(destination)).toEqual(before);
    },
  );
});
