import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ProcessLock } from '#adapters/process-lock.ts';
import { StorePermanent } from '#core/errors.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const HOLDER = fileURLToPath(import.meta.resolve('#test/support/lock-holder.ts'));

test('is kept out by another process until that is killed', async () => {
  const path = join(await temporaryFolder(), 'lock');
  const holder = await startHolder(path);
  const reason = new Error('waited long enough');
  const abort = new AbortController();
  const waiting = new ProcessLock(path).hold({ key: 'a', signal: abort.signal }, () => 'held twice');
  setTimeout(() => abort.abort(reason), 300);
  await expect(waiting).rejects.toBe(reason);

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  expect(await new ProcessLock(path).hold({ key: 'a' }, () => 'held')).toBe('held');
});

test('is free again after a section that throws', async () => {
  const lock = new ProcessLock(join(await temporaryFolder(), 'lock'));
  const failing = lock.hold({ key: 'a' }, () => {
    throw new Error('the section failed');
  });
  await expect(failing).rejects.toThrow('the section failed');
  expect(await lock.hold({ key: 'a' }, () => 'held')).toBe('held');
});

test('writes nothing', async () => {
  const path = join(await temporaryFolder(), 'lock');
  await new ProcessLock(path).hold({ key: 'a' }, () => {});
  expect((await stat(path)).size).toBe(0);
});

test('says which file it could not use', async () => {
  const path = join(await temporaryFolder(), 'no', 'such', 'lock');
  const holding = new ProcessLock(path).hold({ key: 'a' }, () => {});
  await expect(holding).rejects.toThrow(StorePermanent);
  await expect(holding).rejects.toThrow(path);
});

async function startHolder(path: string): Promise<ChildProcess> {
  const holder = spawn(process.execPath, [HOLDER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    holder.kill('SIGKILL');
  });
  await once(holder.stdout, 'data');
  return holder;
}
