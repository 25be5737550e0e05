import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Hook } from '#agents/hook-settings.ts';
import { contents } from './contents.ts';
import { beginPair } from './windows-pair.ts';
import { DRIVE_FOLDER, NODE_EXE, windowsPath } from './wine.ts';

const OURS = { 'a.cfg': 'new a' };
const THEIRS = { 'a.cfg': 'old a', 'x.lic': 'theirs' };

/** A batch file that starts node.exe, which gets the path of a file for its notes; and that file as this machine sees it. */
function program(script: string): { readonly hook: Hook; readonly notes: () => string } {
  const own = join(DRIVE_FOLDER, `hook-${randomUUID()}`);
  writeFileSync(`${own}.cjs`, script);
  const start = [NODE_EXE, `${own}.cjs`, `${own}.notes`].map((path) => `"${windowsPath(path)}"`);
  // Under Wine; a hook sees few variables of its agent.
  const lines = ['@echo off', 'set NODE_SKIP_PLATFORM_CHECK=1', start.join(' ')];
  writeFileSync(`${own}.cmd`, `${lines.join('\r\n')}\r\n`);
  return {
    hook: { command: ['cmd.exe', '/c', windowsPath(`${own}.cmd`)], timeoutSeconds: 60 },
    notes: () => (existsSync(`${own}.notes`) ? readFileSync(`${own}.notes`, 'utf8') : ''),
  };
}

const NOTES_STEP = `
const { appendFileSync, readFileSync } = require('node:fs');
const { LOCKSTEP_ROOT, LOCKSTEP_STEP } = process.env;
appendFileSync(process.argv[2], LOCKSTEP_STEP + ': ' + readFileSync(LOCKSTEP_ROOT + '\\\\a.cfg', 'utf8') + '; ');
`;

describe('hooks on Windows', () => {
  it('are run around the swap', async () => {
    const { control, destination } = await beginPair(OURS, THEIRS);
    const { hook, notes } = program(NOTES_STEP);
    await destination.kill();
    destination.setHooks({ before: hook, after: hook, check: { ...hook, intervalSeconds: 1 } });
    destination.start();
    expect(await control.apply(await control.plan())).toMatchObject({
      outcome: 'SUCCEEDED',
      hooks: ['before', 'after', 'check'].map((name) => ({ name, outcome: 'succeeded' })),
    });
    expect(notes()).toBe('before: old a; after: new a; check: new a; ');
  });

  it('are killed when their time is up, and nothing is written', async () => {
    const { control, destination } = await beginPair(OURS, THEIRS);
    const endless = join(DRIVE_FOLDER, `endless-${randomUUID()}.cmd`);
    writeFileSync(endless, '@echo off\r\necho waiting\r\n:again\r\ngoto again\r\n');
    const before = contents(destination.root);
    await destination.kill();
    destination.setHooks({ before: { command: ['cmd.exe', '/c', windowsPath(endless)], timeoutSeconds: 2 } });
    destination.start();
    expect(await control.apply(await control.plan())).toMatchObject({
      outcome: 'REFUSED',
      reason: 'HOOK_FAILED',
      detail: expect.stringMatching(/^the before hook failed: killed after 2 seconds.*last output: waiting/),
    });
    expect(contents(destination.root)).toEqual(before);
  });
});
