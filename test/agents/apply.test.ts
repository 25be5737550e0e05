import { chmodSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

const NFC = 'Größe.txt'.normalize('NFC');
const NFD = 'Größe.txt'.normalize('NFD');

let source: string;
let destination: string;
let control: Control;

/** Both trees written, both agents started. */
function begin(ours: Tree, theirs: Tree): void {
  source = join(testFolder(), 'source');
  destination = join(testFolder(), 'destination');
  control = new Control();
  writeTree(source, ours);
  writeTree(destination, theirs);
  control.start(SOURCE, source);
  control.start(DESTINATION, destination);
}

describe('an agent that applies', () => {
  it('makes files as at the source, leaves licenses and its own files alone, and leaves nothing behind', async () => {
    begin(
      {
        'a.ini': 'new',
        'firmware/deep/b.bin': 'made',
        [NFC]: 'composed',
        [NFD]: 'decomposed',
        'zero.txt': '',
        'empty/': '',
        'x.lic': 'ours',
      },
      { 'a.ini': 'old', 'mine.txt': 'stays', 'x.lic': 'theirs', 'ignored.log': 'log', 'unknown.what': '?' },
    );
    const before = readTree(destination);
    const sourceBefore = readTree(source);
    const planned = await control.plan();
    const receipt = await control.apply(planned);
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED', changes: { create: 4, update: 1, remove: 0, keep: 1 } });
    const after = readTree(destination);
    const travelled = ['a.ini', 'firmware/deep/b.bin', NFC, NFD, 'zero.txt', 'empty/'];
    for (const path of travelled) expect(after[path]).toBe(sourceBefore[path]);
    for (const path of ['mine.txt', 'x.lic', 'ignored.log', 'unknown.what']) expect(after[path]).toBe(before[path]);
    expect(Object.keys(after)).not.toContain('.lockstep/');
    expect(readTree(source)).toEqual(sourceBefore);
  });

  it('has nothing to do afterwards', async () => {
    begin({ 'a.ini': 'new', 'empty/': '' }, { 'a.ini': 'old' });
    await control.apply(await control.plan());
    expect((await control.plan()).operations).toEqual([]);
  });

  it('keeps modes and times to the millisecond, also of read-only files', async () => {
    begin({ 'a.ini': 'one', 'b.ini': 'two', 'c.ini': '' }, { 'b.ini': 'old' });
    chmodSync(join(source, 'a.ini'), 0o444);
    chmodSync(join(source, 'b.ini'), 0o750);
    chmodSync(join(destination, 'b.ini'), 0o400);
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
    for (const name of ['a.ini', 'b.ini', 'c.ini']) {
      const [ours, theirs] = [statSync(join(source, name)), statSync(join(destination, name))];
      expect([theirs.mode, Math.floor(theirs.mtimeMs)]).toEqual([ours.mode, Math.floor(ours.mtimeMs)]);
    }
  });

  it('keeps every millisecond of a time, which as a fraction of a second may not be exact', async () => {
    const times = Array.from({ length: 40 }, (_, index) => 1_700_000_000_000 + index * 37);
    begin(Object.fromEntries(times.map((time) => [`${time}.ini`, String(time)])), {});
    for (const time of times) utimesSync(join(source, `${time}.ini`), 1, (time + 0.5) / 1000);
    await control.apply(await control.plan());
    expect(times.map((time) => Math.floor(statSync(join(destination, `${time}.ini`)).mtimeMs))).toEqual(times);
  });

  it('mirrors: removes what the source lacks, with the folders that this leaves empty', async () => {
    begin(
      { 'a.ini': 'a' },
      { 'a.ini': 'a', 'gone/deep/b.ini': 'b', 'gone/c.ini': 'c', 'half/d.ini': 'd', 'half/e.lic': 'license' },
    );
    expect(await control.apply(await control.plan('mirror'))).toMatchObject({
      outcome: 'SUCCEEDED',
      changes: { remove: 3 },
    });
    expect(Object.keys(readTree(destination)).sort()).toEqual(['a.ini', 'half/', 'half/e.lic']);
  });

  it('mirrors a file into the place of a folder, and a folder into the place of a file', async () => {
    begin({ 'made/x/y.txt': 'below', 'made/z': 'file' }, { 'made/x': 'file', 'made/z/deep/below.txt': 'below' });
    expect(await control.apply(await control.plan('mirror'))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readFileSync(join(destination, 'made/x/y.txt'), 'utf8')).toBe('below');
    expect(readFileSync(join(destination, 'made/z'), 'utf8')).toBe('file');
  });

  it('fetches content that it has under another name from its own disk', async () => {
    const big = Buffer.alloc(3_000_000, 'content');
    begin({ 'new name.bin': big, 'and again.bin': big }, { 'old name.bin': big });
    const receipt = await control.apply(await control.plan());
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED', changes: { create: 2 } });
    expect(receipt).toHaveProperty(
      'bytesFetched',
      expect.toSatisfy((bytes: number) => bytes < 2000),
    );
  });

  it('brings large files whole, whatever the chunk borders', async () => {
    const sizes = [1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 9 * 1024 * 1024 + 5];
    const tree = Object.fromEntries(
      sizes.map((size) => [
        `${size}.bin`,
        Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * size) % 251))
          .toString('latin1')
          .repeat(Math.ceil(size / 4096))
          .slice(0, size),
      ]),
    );
    begin(tree, { 'x.ini': 'x' });
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
    for (const path of Object.keys(tree))
      expect(readFileSync(join(destination, path)).equals(readFileSync(join(source, path)))).toBe(true);
  });

  it('brings many files of all small sizes, in packs that they share', async () => {
    const tree = Object.fromEntries(
      Array.from({ length: 120 }, (_, index) => [`${index}.bin`, `${index} `.repeat(index ** 2)]),
    );
    begin(tree, { 'x.ini': 'x' });
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED', changes: { create: 120 } });
    for (const path of Object.keys(tree)) expect(readFileSync(join(destination, path), 'utf8')).toBe(tree[path]);
    expect(await Array.fromAsync(control.store.list('packs/'))).toHaveLength(1);
  });

  it('replaces a file, not what a hard link to it shows', async () => {
    begin({ 'a.ini': 'new' }, { 'a.ini': 'old' });
    const planned = await control.plan();
    const inode = statSync(join(destination, 'a.ini')).ino;
    await control.apply(planned);
    expect(statSync(join(destination, 'a.ini')).ino).not.toBe(inode);
  });

  it('reports progress and status while it works', async () => {
    begin({ 'a.ini': 'new' }, { 'a.ini': 'old' });
    const planned = await control.plan();
    const order = await control.orderApply(planned);
    await control.receipt(order);
    expect(await control.store.get(`servers/${DESTINATION}/progress/${order.order}.json`)).toBeDefined();
    expect(await control.store.get(`servers/${DESTINATION}/status.json`)).toBeDefined();
  });
});

describe('an agent at a source', () => {
  it('uploads neither licenses nor what it does not know', async () => {
    begin({ 'a.ini': 'visible content', 'x.lic': 'secret license', 'what.ever': 'unknown content' }, {});
    symlinkSync('/etc/hosts', join(source, 'link.ini'));
    await control.inventory(SOURCE, true);
    const all: string[] = [];
    for await (const { key } of control.store.list(''))
      all.push(Buffer.from((await control.store.get(key))?.body ?? []).toString('latin1'));
    expect(all.some((text) => text.includes('visible content'))).toBe(true);
    expect(all.some((text) => text.includes('secret license') || text.includes('unknown content'))).toBe(false);
  });

  it('uploads once: a second snapshot puts nothing, a changed file only its new chunks', async () => {
    const big = Buffer.alloc(5 * 1024 * 1024);
    for (let index = 0; index < big.length; index += 4) big.writeUInt32LE((index * 2654435761) >>> 0, index);
    begin({ 'big.bin': big, 'copy.bin': big, 'a.ini': 'a' }, {});
    const first = await control.inventory(SOURCE, true);
    expect(first.receipt.bytesUploaded).toBeGreaterThan(1000);
    expect((await control.inventory(SOURCE, true)).receipt.bytesUploaded).toBe(0);
    big.write('changed', 2 * 1024 * 1024 + 10);
    writeFileSync(join(source, 'big.bin'), big);
    const third = await control.inventory(SOURCE, true);
    expect(third.receipt.bytesUploaded).toBeLessThan(1.2 * 1024 * 1024);
  });

  it('uploads again what has vanished from the store', async () => {
    begin({ 'a.ini': 'a'.repeat(5000) }, { 'b.ini': 'b' });
    await control.inventory(SOURCE, true);
    for (const folder of ['snapshots/', 'packs/'])
      for await (const { key } of control.store.list(folder)) await control.store.delete(key);
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('needs no permission to write, and leaves no trace', async () => {
    begin({ 'a.ini': 'a', 'd/b.ini': 'b', 'empty/': '' }, {});
    for (const folder of ['d', 'empty', '']) chmodSync(join(source, folder), 0o555);
    const before = readTree(source);
    const stats = statSync(source);
    const { receipt } = await control.inventory(SOURCE, true);
    expect(receipt.summary.artifacts).toBe(2);
    expect(readTree(source)).toEqual(before);
    expect(statSync(source).ctimeMs).toBe(stats.ctimeMs);
    for (const folder of ['', 'd', 'empty']) chmodSync(join(source, folder), 0o755);
  });
});
