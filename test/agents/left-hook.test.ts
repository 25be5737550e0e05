import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { awaitLeftHook, findLeftHook, noteHook } from '#agents/left-hook.ts';
import { makeWorkFolder, type WorkFolder, workFolderOf } from '#agents/work-folder.ts';
import { testFolder } from './test-folder.ts';

/** A hook that would go on for a minute, noted as by an agent that is killed then. */
async function leave(timeoutMilliseconds: number): Promise<{ readonly work: WorkFolder; readonly hook: ChildProcess }> {
  const root = testFolder();
  const work = workFolderOf(root, { order: 'cut-off' });
  makeWorkFolder(root, work);
  const hook = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { detached: true, stdio: 'ignore' });
  await once(hook, 'spawn');
  onTestFinished(() => void hook.kill('SIGKILL'));
  noteHook(work, hook.pid ?? 0, timeoutMilliseconds);
  return { work, hook };
}

describe('a hook that its agent has left running', () => {
  it('is awaited', async () => {
    const { hook, work } = await leave(60_000);
    const left = findLeftHook(work);
    if (left === undefined) throw new Error('it was not found');
    const outcome = awaitLeftHook(left, {});
    hook.kill('SIGTERM');
    expect(await outcome).toBe('ended');
    expect(findLeftHook(work)).toBeUndefined();
  });

  it('is killed when its time is up', async () => {
    const { hook, work } = await leave(50);
    const left = findLeftHook(work);
    if (left === undefined) throw new Error('it was not found');
    const ended = once(hook, 'exit');
    expect(await awaitLeftHook(left, {})).toBe('killed');
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('is no other process that has got its id since', async () => {
    const { hook, work } = await leave(60_000);
    const note = JSON.parse(readFileSync(work.hookProcess, 'utf8')) as { born: string };
    writeFileSync(work.hookProcess, JSON.stringify({ ...note, born: `${note.born}0` }));
    expect(findLeftHook(work)).toBeUndefined();
    expect(hook.exitCode).toBeNull();
  });

  it('is none when its note was cut off by the kill', async () => {
    const { work } = await leave(60_000);
    writeFileSync(join(work.path, 'hook.json'), '{"processId":12');
    expect(findLeftHook(work)).toBeUndefined();
  });
});
