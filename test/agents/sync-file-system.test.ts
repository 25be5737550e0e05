import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isWorthOneSync, syncFileSystem } from '#agents/sync-file-system.ts';
import type { TaskName } from '#agents/worker-messages.ts';
import { type TaskInput, type TaskResult, WorkerPool } from '#agents/worker-pool.ts';
import { beginPair } from './pair.ts';
import { testFolder } from './test-folder.ts';

const FILES = 80;
const TREE = Object.fromEntries(Array.from({ length: FILES }, (_, index) => [`d${index}/a.ini`, `content ${index}`]));

let programs: string;

beforeEach(() => {
  programs = testFolder();
});

afterEach(() => vi.unstubAllEnvs());

/** A program that stands before the system's own, and writes down what it was told. */
function stubSync(last: string): () => string[] {
  const calls = join(programs, 'calls');
  writeFileSync(calls, '');
  writeFileSync(join(programs, 'sync'), `#!/bin/sh\necho "$@" >> ${calls}\n${last}\n`);
  chmodSync(join(programs, 'sync'), 0o755);
  vi.stubEnv('PATH', `${programs}${delimiter}${process.env.PATH}`);
  return () => readFileSync(calls, 'utf8').split('\n').slice(0, -1);
}

/** Counts files that are put to the disk one by one. */
class CountingPool extends WorkerPool {
  sealedAtOnce = 0;

  override run<N extends TaskName>(...[task, input, options]: Parameters<WorkerPool['run']>): Promise<TaskResult<N>> {
    if (task === 'seal') {
      const { files } = input as TaskInput<'seal'>;
      this.sealedAtOnce += files.filter(({ isSyncedLater }) => isSyncedLater !== true).length;
    }
    return super.run(task, input as never, options as never) as Promise<TaskResult<N>>;
  }
}

async function apply(): Promise<{ readonly sealedAtOnce: number }> {
  const workers = new CountingPool(1);
  try {
    const { control, destination } = beginPair(TREE, {}, { agent: { workers } });
    expect(await control.apply(await control.plan())).toMatchObject({
      outcome: 'SUCCEEDED',
      changes: { create: FILES },
    });
    for (const [path, content] of Object.entries(TREE))
      expect(readFileSync(join(destination, path), 'utf8')).toBe(content);
    return workers;
  } finally {
    await workers.close();
  }
}

describe.skipIf(process.platform !== 'linux')('many files at once', () => {
  it('are put to the disk by one call before the journal, and their folders by one before the commit', async (context) => {
    if (!(await isWorthOneSync(testFolder(), FILES))) return context.skip('not on this file system');
    const calls = stubSync('exit 0');
    expect((await apply()).sealedAtOnce).toBe(0);
    expect(calls()).toHaveLength(2);
    for (const call of calls()) expect(call).toMatch(/^--file-system \/.+\/destination$/);
  });

  it('are put there one by one where that call fails', async (context) => {
    if (!(await isWorthOneSync(testFolder(), FILES))) return context.skip('not on this file system');
    const calls = stubSync('exit 1');
    expect((await apply()).sealedAtOnce).toBe(FILES);
    expect(calls()).toHaveLength(2);
  });
});

describe('one call for a file system', () => {
  it('is not worth it for a few', async () => {
    expect(await isWorthOneSync(testFolder(), 10)).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('says whether it was done', async () => {
    expect(await syncFileSystem(testFolder())).toBe(true);
    expect(await syncFileSystem(join(testFolder(), 'none'))).toBe(false);
    vi.stubEnv('PATH', programs);
    expect(await syncFileSystem(testFolder())).toBe(false);
  });
});
