import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HashedFile, hashFiles } from '#agents/hash-files.ts';
import { readUnchanged } from '#agents/read-file.ts';
import { scan } from '#agents/scan.ts';
import type { TaskName } from '#agents/worker-messages.ts';
import { type RunOptions, type TaskInput, type TaskResult, WorkerPool } from '#agents/worker-pool.ts';
import { sha256 } from '#core/digest.ts';
import { createManifest, decodeManifest, encodeManifest, type Manifest } from '#core/manifest.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { PROFILE, WORKERS } from './control.ts';
import { testFolder } from './test-folder.ts';

function tree(content: Tree): string {
  const root = testFolder();
  writeTree(root, content);
  return root;
}

function scanned(root: string): Promise<Manifest> {
  return scan({ root, profile: PROFILE, workers: WORKERS });
}

async function kinds(root: string): Promise<Record<string, string>> {
  const { entries } = await scanned(root);
  return Object.fromEntries(
    entries.map((entry) => [entry.path, 'class' in entry ? `${entry.kind} ${entry.class}` : entry.kind]),
  );
}

class NotingPool extends WorkerPool {
  readonly hashed: (readonly string[])[] = [];

  override run<N extends TaskName>(task: N, input: TaskInput<N>, options?: RunOptions<N>): Promise<TaskResult<N>> {
    if (task === 'hash') this.hashed.push((input as TaskInput<'hash'>).paths);
    return super.run(task, input, options);
  }
}

describe('a scan', () => {
  it('sorts files by the profile, hashes licenses too, and does not list what is ignored', async () => {
    const root = tree({
      'a.ini': 'a',
      'firmware/f': 'f',
      'LICENSES/x': 'x',
      'b.LIC': 'b',
      'c.log': 'c',
      'd.what': 'd',
    });
    expect(await kinds(root)).toEqual({
      'a.ini': 'artifact configuration',
      'firmware/f': 'artifact firmware',
      'LICENSES/x': 'protected license',
      'b.LIC': 'protected license',
      'd.what': 'unrecognised',
    });
  });

  it('says of each file its digest, size, mode and time in milliseconds', async () => {
    const root = tree({ 'a.ini': 'content' });
    chmodSync(join(root, 'a.ini'), 0o640);
    utimesSync(join(root, 'a.ini'), 1, 1_700_000_000.1236);
    expect((await scanned(root)).entries).toEqual([
      {
        kind: 'artifact',
        class: 'configuration',
        path: 'a.ini',
        sha256: sha256('content'),
        size: 7,
        mode: 0o640,
        mtime: 1_700_000_000_123,
      },
    ]);
  });

  it('hashes files of any size as one would by hand', async () => {
    const sizes = [0, 1, 1024 * 1024, 1024 * 1024 + 1, 5_000_000];
    const root = tree(Object.fromEntries(sizes.map((size) => [`${size}.bin`, Buffer.alloc(size, 'pattern')])));
    const { entries } = await scanned(root);
    for (const size of sizes)
      expect(entries).toContainEqual(
        expect.objectContaining({ path: `${size}.bin`, size, sha256: sha256(Buffer.alloc(size, 'pattern')) }),
      );
  });

  it('reports links, and does not follow them', async () => {
    const root = tree({ 'real/a.ini': 'a' });
    symlinkSync(join(root, 'real'), join(root, 'folder'));
    symlinkSync('real/a.ini', join(root, 'file.ini'));
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('..', join(root, 'real/up'));
    expect(await kinds(root)).toEqual({
      'real/a.ini': 'artifact configuration',
      'real/up': 'link',
      folder: 'link',
      'file.ini': 'link',
      dangling: 'link',
    });
  });

  it.skipIf(process.platform === 'win32')('reports sockets and FIFOs, and does not wait for them', async () => {
    const root = tree({ 'a.ini': 'a' });
    execFileSync('mkfifo', [join(root, 'pipe.ini')]);
    const server = createServer().listen(join(root, 'socket.ini'));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { entries } = await scanned(root);
    expect(entries).toContainEqual({ kind: 'special', path: 'pipe.ini', reason: 'a FIFO' });
    expect(entries).toContainEqual({ kind: 'special', path: 'socket.ini', reason: 'a socket' });
  });

  it('lists an empty folder where its class travels, and only the deepest', async () => {
    const root = tree({
      'empty/': '',
      'made/deep/er/': '',
      'unknown/': '',
      'firmware/only.log': 'ignored',
      'licenses/sub/': '',
    });
    expect(await kinds(root)).toEqual({ 'empty/': 'folder', 'made/deep/er/': 'folder', 'firmware/': 'folder' });
  });

  it('looks for licenses in ignored folders', async () => {
    const root = tree({ 'old.log/deep/x.lic': 'x', 'old.log/a.log': 'a' });
    expect(await kinds(root)).toEqual({ 'old.log/deep/x.lic': 'protected license' });
  });

  it.skipIf(process.platform !== 'linux')('keeps names in both normal forms apart', async () => {
    const names = ['é.ini'.normalize('NFC'), 'é.ini'.normalize('NFD')];
    expect(Object.keys(await kinds(tree(Object.fromEntries(names.map((name) => [name, name])))))).toEqual(
      names.toSorted(),
    );
  });

  it.skipIf(process.platform !== 'linux')(
    'reports names that are not UTF-8 or break a rule, each under a name of its own',
    async () => {
      const root = tree({
        'a:b.ini': '',
        'back\\slash.ini': '',
        'trailing. ': '',
        'CON.ini': '',
        'bad:folder/x.lic': 'x',
        '.LockStep/a.ini': '',
        'ok/.lockstep/a.ini': '',
      });
      for (const bytes of [[0x61, 0xff], [0x61, 0xfe], [0xe9], [0x61, 0xef, 0xbf, 0xbd]])
        writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from(bytes)]), 'x');
      mkdirSync(Buffer.concat([Buffer.from(`${root}/dir`), Buffer.from([0xc3, 0x28])]));
      const manifest = await scanned(root);
      const unnameable = manifest.entries.filter(({ kind }) => kind === 'unnameable').map(({ path }) => path);
      expect(unnameable.toSorted()).toEqual(
        [
          'a:b.ini',
          'back\\x5cslash.ini',
          'trailing. ',
          'CON.ini',
          'bad:folder/',
          '.LockStep/',
          'a\\xff',
          'a\\xfe',
          '\\xe9',
          'a\\xef\\xbf\\xbd',
          'dir\\xc3(/',
        ].toSorted(),
      );
      expect(manifest.entries.filter(({ kind }) => kind === 'artifact')).toHaveLength(1);
      expect(decodeManifest(encodeManifest(manifest), manifest.summary.manifest)).toEqual(manifest);
    },
  );

  it('leaves out its own work folder', async () => {
    expect(await kinds(tree({ '.lockstep/apply-x/new/0': 'x', 'a.ini': 'a' }))).toEqual({
      'a.ini': 'artifact configuration',
    });
  });

  it('is the same for the same tree, and writes nothing', async () => {
    const root = tree(
      Object.fromEntries(
        Array.from({ length: 700 }, (_, index) => [`d${index % 7}/f${index}.ini`, `content ${index}`]),
      ),
    );
    const before = readTree(root);
    const [first, second] = [await scanned(root), await scanned(root)];
    expect(second).toEqual(first);
    expect(first.summary.artifacts).toBe(700);
    expect(readTree(root)).toEqual(before);
  });

  it('finds all of a folder that is too large for one look', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `f${index}.ini`);
    const root = tree(Object.fromEntries(names.map((name) => [`flat/${name}`, name])));
    const { entries } = await scanned(root);
    expect(entries.map((entry) => 'sha256' in entry && entry.sha256)).toEqual(names.toSorted().map(sha256));
  });

  it('finds its way into folders of folders', async () => {
    const deep = Array.from({ length: 60 }, (_, index) => `d${index}`).join('/');
    const wide = Array.from({ length: 400 }, (_, index) => `wide/w${index}/a.ini`);
    const paths = [`${deep}/a.ini`, 'd0.ini', 'd0-1/a.ini', ...wide];
    const { entries } = await scanned(tree(Object.fromEntries(paths.map((path) => [path, path]))));
    expect(entries.map(({ path }) => path)).toEqual(paths.toSorted());
  });

  it('lists in the order of whole paths, where a folder stands behind what sorts before a slash', async () => {
    const root = tree({
      'a/x.ini': '1',
      'a/y/z.ini': '2',
      'a-b/x.ini': '3',
      'a.ini': '4',
      'a0/x.ini': '5',
      'ä.ini': '6',
      'firmware/a/x': '7',
    });
    mkdirSync(join(root, 'firmware/a!'), { recursive: true });
    symlinkSync('nowhere', join(root, 'a+'));
    const { entries, summary } = await scanned(root);
    const paths = entries.map(({ path }) => path);
    expect(paths).toEqual([
      'a+',
      'a-b/x.ini',
      'a.ini',
      'a/x.ini',
      'a/y/z.ini',
      'a0/x.ini',
      'firmware/a!/',
      'firmware/a/x',
      'ä.ini',
    ]);
    expect(summary).toEqual(createManifest(summary.profile, entries).summary);
  });

  it('keeps names apart that would look the same as text', async () => {
    const root = testFolder();
    writeFileSync(join(root, 'a\\xff'), '');
    writeFileSync(Buffer.concat([Buffer.from(`${root}/a`), Buffer.from([0xff])]), '');
    expect(await kinds(root)).toEqual({ 'a\\xff': 'unnameable', 'a\\x5cxff': 'unnameable' });
    expect((await scanned(root)).summary.unnameable).toBe(2);
  });

  it('reads the largest of what waits first', async () => {
    const root = testFolder();
    for (const [name, megabytes] of Object.entries({ a: 6, b: 5, c: 7 })) {
      writeFileSync(join(root, `${name}.ini`), '');
      truncateSync(join(root, `${name}.ini`), megabytes * 1024 * 1024);
    }
    const workers = new NotingPool(1);
    onTestFinished(() => workers.close());
    await scan({ root, profile: PROFILE, workers });
    expect(workers.hashed).toEqual([['a.ini'], ['c.ini'], ['b.ini']]);
  });

  it('counts up to the whole', async () => {
    const root = tree({ 'a.ini': 'aaa', 'b.lic': 'bb' });
    const seen: unknown[] = [];
    await scan({ root, profile: PROFILE, workers: WORKERS, onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([
      { files: 2, bytes: 5 },
      { files: 2, bytes: 5 },
    ]);
  });

  it('refuses a root that is not there', async () => {
    await expect(scanned(join(testFolder(), 'none'))).rejects.toMatchObject({
      name: 'OrderRefused',
      reason: 'UNREADABLE',
      message: expect.stringContaining('no such folder'),
    });
  });

  it('names a file that never holds still', async () => {
    const root = tree({ 'busy.bin': Buffer.alloc(200_000_000) });
    const writing = setInterval(() => appendFileSync(join(root, 'busy.bin'), 'x'), 1);
    onTestFinished(() => clearInterval(writing));
    await expect(scanned(root)).rejects.toMatchObject({
      name: 'OrderRefused',
      reason: 'UNREADABLE',
      message: expect.stringContaining('"busy.bin"'),
    });
  });

  it('ends when it is told to', async () => {
    const root = tree({ 'a.ini': 'a' });
    await expect(
      scan({ root, profile: PROFILE, workers: WORKERS, signal: AbortSignal.abort(new Error('stop')) }),
    ).rejects.toThrow('stop');
  });
});

describe('hashing a file', () => {
  function hashed(root: string): HashedFile[] {
    const step = hashFiles({ root, paths: ['a.ini'] }).next();
    return step.done === true ? step.value : [];
  }

  it('says what it looked like with this content', () => {
    const root = tree({ 'a.ini': 'a' });
    const path = join(root, 'a.ini');
    const { ctimeNs, mtimeNs } = lstatSync(path, { bigint: true });
    const stats = expect.objectContaining({ ctimeNs, mtimeNs, size: 1n });
    expect(hashed(root)).toEqual([{ kind: 'hashed', sha256: sha256('a'), stats }]);
    rmSync(path);
    expect(hashed(root)).toEqual([{ kind: 'gone' }]);
    symlinkSync('/etc/hostname', path);
    expect(hashed(root)).toEqual([{ kind: 'gone' }]);
  });
});

describe('reading a file', () => {
  function read(path: string, meanwhile: () => void): unknown {
    const reading = readUnchanged(path, function* () {
      yield meanwhile();
    });
    let step = reading.next();
    while (step.done !== true) step = reading.next();
    return step.value;
  }

  it('notices when the file changes meanwhile', () => {
    const root = tree({ 'a.ini': 'a', 'b.ini': 'b' });
    const path = join(root, 'a.ini');
    expect(read(path, () => undefined)).toMatchObject({ kind: 'read' });
    expect(read(path, () => appendFileSync(path, 'x'))).toEqual({ kind: 'changed' });
    expect(read(path, () => chmodSync(path, 0o600))).toEqual({ kind: 'changed' });
    expect(read(path, () => execFileSync('mv', [join(root, 'b.ini'), path]))).toEqual({ kind: 'changed' });
    expect(read(path, () => execFileSync('rm', [path]))).toEqual({ kind: 'gone' });
  });

  it('notices a rewrite that restores size and time', () => {
    const path = join(tree({ 'a.ini': 'old' }), 'a.ini');
    const rewrite = () => {
      writeFileSync(path, 'new');
      utimesSync(path, 1_700_000_000, 1_700_000_000);
    };
    expect(read(path, rewrite)).toEqual({ kind: 'changed' });
  });

  it('does not open a link', () => {
    const root = tree({ 'a.ini': 'a' });
    symlinkSync('a.ini', join(root, 'link'));
    expect(read(join(root, 'link'), () => undefined)).toEqual({ kind: 'gone' });
  });
});
