import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WorkerPool } from '#agents/worker-pool.ts';
import { sha256 } from '#core/digest.ts';
import { testFolder } from './test-folder.ts';

function pool(size = 2): WorkerPool {
  const workers = new WorkerPool(size);
  onTestFinished(() => workers.close());
  return workers;
}

describe('a worker pool', () => {
  it('does more tasks than it has threads, each with its own answer', async () => {
    const root = testFolder();
    const paths = Array.from({ length: 50 }, (_, index) => `f${index}`);
    for (const path of paths) writeFileSync(join(root, path), path);
    const workers = pool();
    const results = await Promise.all(paths.map((path) => workers.run('hash', { root, paths: [path] })));
    expect(results.map(([file]) => file)).toEqual(
      paths.map((path) => expect.objectContaining({ kind: 'hashed', sha256: sha256(path) })),
    );
  });

  it('hands on an error with its code, and goes on', async () => {
    const workers = pool(1);
    const root = testFolder();
    const lost = {
      path: join(root, 'none/x'),
      copyOf: join(root, 'y'),
      sha256: sha256(''),
      size: 0,
      mode: 0,
      mtime: 0,
    };
    writeFileSync(join(root, 'y'), '');
    await expect(
      workers.run('unpack', {
        bytes: new Uint8Array(1),
        chunks: [
          {
            at: 0,
            length: 1,
            size: 1,
            encoding: 'raw',
            sha256: sha256(new Uint8Array(1)),
            bases: [],
            places: [{ path: lost.path, position: 0 }],
          },
        ],
      }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await workers.run('seal', { files: [lost] })).toEqual([false]);
  });

  it('survives an input that breaks a task', async () => {
    const workers = pool(1);
    await expect(workers.run('cut', undefined as never)).rejects.toThrow();
    expect(await workers.run('hash', { root: '/', paths: ['none at all'] })).toEqual([{ kind: 'gone' }]);
  });

  it('fails with clear words what is at work when its thread ends', async () => {
    const workers = pool(1);
    const running = workers.run('hash', { root: '/', paths: ['none at all'] });
    await workers.close();
    await expect(running).rejects.toThrow('a worker thread ended unexpectedly');
  });

  it('takes no task once it is closed', async () => {
    const workers = pool();
    await workers.close();
    await expect(workers.run('hash', { root: '/', paths: [] })).rejects.toThrow('closed');
  });

  it('lets its process end, also where a thread was started and never needed', () => {
    const poolUrl = new URL('../../agents/worker-pool.ts', import.meta.url);
    const script = `
      import { WorkerPool } from '${poolUrl}';
      const workers = new WorkerPool(2);
      workers.start();
      const [file] = await workers.run('hash', { root: ${JSON.stringify(testFolder())}, paths: ['none'] });
      console.log(file.kind);
    `;
    expect(
      execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8', timeout: 20_000 }),
    ).toBe('gone\n');
  });
});
