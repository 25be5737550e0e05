import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STAMP_FIELDS } from '#agents/file-stats.ts';
import { scan } from '#agents/scan.ts';
import {
  ColumnsBuilder,
  decodeStatColumns,
  encodeStatColumns,
  namesOf,
  type StatColumns,
} from '#agents/stat-columns.ts';
import { StatIndex, type StatIndexOptions } from '#agents/stat-index.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import { createManifest, type Manifest } from '#core/manifest.ts';
import type { Profile } from '#core/profile.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { Control, PROFILE, SOURCE, WORKERS } from './control.ts';
import { testFolder } from './test-folder.ts';

const HOUR = 3600 * 1000;

/** No file of a test is older than this clock's last two seconds. */
const SETTLED = () => new Date(Date.now() + 10_000);

/** What nothing hashes to: a scan that says it has trusted the memory. */
const FORGED = '7'.repeat(64) as Sha256;

const WHOLE: StatColumns['whole'] = { summary: createManifest(FORGED, []).summary, rest: FORGED };

class Server {
  readonly root = testFolder();
  readonly stateFolder = testFolder();
  readonly events: { readonly event: string; readonly problem?: unknown }[] = [];

  constructor(tree: Tree) {
    writeTree(this.root, tree);
  }

  get file(): string {
    return join(this.stateFolder, 'stat-index');
  }

  path(name: string): string {
    return join(this.root, name);
  }

  index(options: Partial<StatIndexOptions> = {}): StatIndex {
    const log = (event: string, fields: Record<string, unknown>) => void this.events.push({ event, ...fields });
    return new StatIndex({ stateFolder: this.stateFolder, root: this.root, now: SETTLED, log, ...options });
  }

  async scan(statIndex: StatIndex = this.index()): Promise<Record<string, string>> {
    const { entries } = await scan({ root: this.root, profile: PROFILE, workers: WORKERS, statIndex });
    return Object.fromEntries(entries.map((entry) => [entry.path, 'sha256' in entry ? entry.sha256 : entry.kind]));
  }

  /** What a scan finds that remembers nothing. */
  plainly(): Promise<Manifest> {
    return scan({ root: this.root, profile: PROFILE, workers: WORKERS });
  }

  columns(): StatColumns {
    return decodeStatColumns('index', readFileSync(this.file), this.root);
  }

  remembered(): string[] {
    const columns = this.columns();
    return [...columns.folders].flatMap(([folder, rows]) => namesOf(columns, rows).map((name) => folder + name)).sort();
  }

  /** From now on a file that is not read has this digest, and no sum is taken as it was. */
  forge(): void {
    const columns = this.columns();
    const digests = Buffer.alloc(columns.digests.length, FORGED, 'hex');
    const whole = { ...columns.whole, rest: FORGED };
    writeFileSync(this.file, encodeStatColumns({ ...columns, digests, whole }, this.root));
  }
}

async function scannedServer(tree: Tree): Promise<Server> {
  const server = new Server(tree);
  await server.scan();
  server.forge();
  return server;
}

describe('a scan with a stat index', () => {
  it('reads no file again that looks as it did', async () => {
    const server = await scannedServer({ 'a.ini': 'a', 'firmware/f': 'f' });
    expect(await server.scan()).toEqual({ 'a.ini': FORGED, 'firmware/f': FORGED });
  });

  it('finds the same as one without', async () => {
    const server = new Server({ 'a.ini': 'a', 'big.bin': Buffer.alloc(2_000_000, 'x'), 'x.lic': 'x', 'no.what': '' });
    const first = await server.scan();
    expect(await server.scan()).toEqual(first);
    expect(first['big.bin']).toBe(sha256(Buffer.alloc(2_000_000, 'x')));
  });

  it.each<[string, (path: string, other: string) => void, string]>([
    ['other content of the same length', (path) => writeFileSync(path, 'b'), 'b'],
    ['another length', (path) => writeFileSync(path, 'bb'), 'bb'],
    ['another time', (path) => utimesSync(path, 5, 5), 'a'],
    ['other permissions', (path) => chmodSync(path, 0o600), 'a'],
    ['another file in its place', (path, other) => renameSync(other, path), 'o'],
  ])('reads a file again that has %s', async (_, change, content) => {
    const server = await scannedServer({ 'a.ini': 'a', 'o.ini': 'o', 'rest.ini': 'rest' });
    change(server.path('a.ini'), server.path('o.ini'));
    expect(await server.scan()).toMatchObject({ 'a.ini': sha256(content), 'rest.ini': FORGED });
  });

  it.skipIf(process.platform === 'win32')('reads a file again whose times were set back', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const { atime, mtime } = statSync(server.path('a.ini'));
    writeFileSync(server.path('a.ini'), 'b');
    utimesSync(server.path('a.ini'), atime, mtime);
    expect(await server.scan()).toEqual({ 'a.ini': sha256('b') });
  });

  it('reads protected files in any case', async () => {
    const server = await scannedServer({ 'a.ini': 'a', 'x.lic': 'x' });
    expect(await server.scan()).toEqual({ 'a.ini': FORGED, 'x.lic': sha256('x') });
    expect(server.remembered()).toEqual(['a.ini']);
  });

  it('reads a file that only now is protected', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const profile: Profile = { name: 'other', version: 1, rules: [{ class: 'identity', match: ['*.ini'] }] };
    const { entries } = await scan({ root: server.root, profile, workers: WORKERS, statIndex: server.index() });
    expect(entries).toMatchObject([{ kind: 'protected', sha256: sha256('a') }]);
  });

  it('remembers nothing under another profile', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const profile: Profile = { name: 'other', version: 1, rules: [{ class: 'package', match: ['*.ini'] }] };
    const { entries } = await scan({ root: server.root, profile, workers: WORKERS, statIndex: server.index() });
    expect(entries).toMatchObject([{ class: 'package', sha256: sha256('a') }]);
    expect(server.events).toMatchObject([
      { event: 'stat-index-ignored', problem: expect.stringContaining('another profile') },
    ]);
  });

  it('reads in any case what its caller mistrusts', async () => {
    const server = await scannedServer({ 'a.ini': 'a', 'b.ini': 'b', 'c.ini': 'c' });
    const index = server.index().mistrusting((path) => path === 'a.ini');
    const both = index.mistrusting((path) => path === 'b.ini');
    expect(await server.scan(both)).toEqual({ 'a.ini': sha256('a'), 'b.ini': sha256('b'), 'c.ini': FORGED });
  });

  it('remembers no file that changed so shortly before that it could change again unseen', async () => {
    const server = new Server({ 'a.ini': 'a' });
    const { ctimeMs } = statSync(server.path('a.ini'));
    await server.scan(server.index({ now: () => new Date(ctimeMs + 1900) }));
    expect(server.remembered()).toEqual([]);
    await server.scan(server.index({ now: () => new Date(ctimeMs + 2100) }));
    expect(server.remembered()).toEqual(['a.ini']);
  });

  it('remembers no file from the future', async () => {
    const server = new Server({ 'a.ini': 'a' });
    utimesSync(server.path('a.ini'), 5, Date.now() / 1000 + 3600);
    await server.scan();
    expect(server.remembered()).toEqual([]);
  });

  it('forgets files that are gone', async () => {
    const server = new Server({ 'a.ini': 'a', 'b.ini': 'b' });
    await server.scan();
    renameSync(server.path('a.ini'), server.path('c.ini'));
    await server.scan();
    expect(server.remembered()).toEqual(['b.ini', 'c.ini']);
  });

  it('writes nothing when nothing has changed', async () => {
    const server = new Server({ 'a.ini': 'a', 'x.lic': 'x' });
    await server.scan();
    const { ino } = statSync(server.file);
    await server.scan();
    expect(statSync(server.file).ino).toBe(ino);
  });

  it('reads everything once a day, and then trusts what it has read', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const later = (hours: number) => server.index({ now: () => new Date(SETTLED().getTime() + hours * HOUR) });
    expect(await server.scan(later(23))).toEqual({ 'a.ini': FORGED });
    expect(await server.scan(later(25))).toEqual({ 'a.ini': sha256('a') });
    server.forge();
    expect(await server.scan(later(47))).toEqual({ 'a.ini': FORGED });
  });

  it('reads everything when the clock was set back, and when it is told to', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const before = server.index({ now: () => new Date(Date.now() - HOUR) });
    expect(await server.scan(before)).toEqual({ 'a.ini': sha256('a') });
    await server.scan();
    server.forge();
    expect(await server.scan(server.index({ fullRehashMilliseconds: 0 }))).toEqual({ 'a.ini': sha256('a') });
  });

  it('goes on, and says so, where it cannot write', async () => {
    const server = new Server({ 'a.ini': 'a' });
    const index = server.index({ stateFolder: join(server.stateFolder, 'none') });
    expect(await server.scan(index)).toEqual({ 'a.ini': sha256('a') });
    expect(server.events).toMatchObject([{ event: 'stat-index-not-saved' }]);
  });
});

describe('a scan of a tree that was scanned before', () => {
  const TREE: Tree = {
    'a.ini': 'a',
    'made/b.ini': 'b',
    'made/deep/c.ini': 'c',
    'made-1/d.ini': 'd',
    'empty/': '',
    'licenses/x': 'x',
    'no.what': '',
    'firmware/big': Buffer.alloc(2_000_000, 'x'),
  };

  it.each<[string, (server: Server) => void]>([
    ['nothing', () => undefined],
    ['a file', (server) => writeFileSync(server.path('made/b.ini'), 'B')],
    ['a file below', (server) => writeFileSync(server.path('made/deep/c.ini'), 'other')],
    ['a large file', (server) => writeFileSync(server.path('firmware/big'), Buffer.alloc(2_000_000, 'y'))],
    ['a license', (server) => writeFileSync(server.path('licenses/x'), 'y')],
    ['the time of a license', (server) => utimesSync(server.path('licenses/x'), 5, 5)],
    ['the permissions of a file', (server) => chmodSync(server.path('a.ini'), 0o600)],
    ['a new file', (server) => writeFileSync(server.path('made/n.ini'), 'n')],
    ['a new license', (server) => writeFileSync(server.path('made/n.lic'), 'n')],
    ['a new file that nobody knows', (server) => writeFileSync(server.path('n.what'), 'n')],
    ['a file that is gone', (server) => rmSync(server.path('made-1/d.ini'))],
    ['a license that is gone', (server) => rmSync(server.path('licenses/x'))],
    ['a folder that is gone', (server) => rmSync(server.path('made'), { recursive: true })],
    ['a new empty folder', (server) => mkdirSync(server.path('empty/in-it'))],
    ['an empty folder that is gone', (server) => rmSync(server.path('empty'), { recursive: true })],
    ['the name of a folder', (server) => renameSync(server.path('made'), server.path('made-2'))],
    ['names of folders that changed places', (server) => exchange(server, 'made', 'made-1')],
    ['a folder in the place of a file', (server) => replaceByFolder(server, 'a.ini')],
    ['a link in the place of a file', (server) => replaceByLink(server, 'a.ini')],
    ['a link to a folder in its place', (server) => replaceByLink(server, 'made')],
    ['everything', (server) => rmSync(server.root, { recursive: true })],
  ])('sees what one without a memory sees, after a change of %s', async (_, change) => {
    const server = new Server(TREE);
    await server.scan();
    change(server);
    mkdirSync(server.root, { recursive: true });
    const found = await scan({ root: server.root, profile: PROFILE, workers: WORKERS, statIndex: server.index() });
    const expected = await server.plainly();
    expect(found.summary).toEqual(expected.summary);
    expect(found.entries).toEqual(expected.entries);
    expect(
      (await scan({ root: server.root, profile: PROFILE, workers: WORKERS, statIndex: server.index() })).summary,
    ).toEqual(expected.summary);
  });

  it('does not sum up again what is the same', async () => {
    const server = new Server(TREE);
    await server.scan();
    const columns = server.columns();
    const whole = { ...columns.whole, summary: { ...columns.whole.summary, state: FORGED } };
    writeFileSync(server.file, encodeStatColumns({ ...columns, whole }, server.root));
    const again = () => scan({ root: server.root, profile: PROFILE, workers: WORKERS, statIndex: server.index() });
    expect((await again()).summary.state).toBe(FORGED);
    writeFileSync(server.path('licenses/x'), 'y');
    expect((await again()).summary.state).toBe(columns.whole.summary.state);
  });

  function exchange(server: Server, one: string, other: string): void {
    renameSync(server.path(one), server.path('between'));
    renameSync(server.path(other), server.path(one));
    renameSync(server.path('between'), server.path(other));
  }

  function replaceByFolder(server: Server, name: string): void {
    rmSync(server.path(name));
    mkdirSync(server.path(name));
  }

  function replaceByLink(server: Server, name: string): void {
    const elsewhere = join(testFolder(), 'elsewhere');
    renameSync(server.path(name), elsewhere);
    symlinkSync(elsewhere, server.path(name));
  }
});

describe('a damaged stat index', () => {
  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - 5)],
    ['empty', () => new Uint8Array()],
    ['of another version', (bytes) => edit(bytes, 'index/2', 'index/1')],
    ['of another agent', (bytes) => edit(bytes, '"agent":"', '"agent":"1')],
    ['with another sum', (bytes) => edit(bytes, '"artifacts":2', '"artifacts":1')],
    ['with an unknown field', (bytes) => edit(bytes, '{', '{"more":1,')],
    ['about more files', (bytes) => edit(bytes, '"files":2', '"files":3')],
    ['about fewer files', (bytes) => edit(bytes, '"files":2', '"files":1')],
    ['of another root', (bytes) => edit(bytes, '"root":"', '"root":"/elsewhere')],
  ])('%s is ignored with a word about it, and replaced', async (_, damage) => {
    const server = await scannedServer({ 'a.ini': 'a', 'b.ini': 'b' });
    writeFileSync(server.file, damage(readFileSync(server.file)));
    expect(await server.scan()).toEqual({ 'a.ini': sha256('a'), 'b.ini': sha256('b') });
    expect(server.events).toEqual([{ event: 'stat-index-ignored', problem: expect.stringContaining(server.file) }]);
    expect(server.remembered()).toHaveLength(2);
  });

  it('is noticed whichever byte is another', async () => {
    const server = await scannedServer({ 'a.ini': 'a', 'b.ini': 'b' });
    const [bytes, intact] = [readFileSync(server.file), server.columns()];
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (bytes[at] ?? 0) ^ 0x10;
      const seen = read(damaged, server.root);
      expect(plain(seen ?? intact), `byte ${at}`).toEqual(plain(intact));
    }
  });

  it('is none: what is remembered comes back as it was', () => {
    const file = fc.record({
      name: fc.stringMatching(/^[^\n]+$/u).filter((name) => name.isWellFormed()),
      stamp: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
        minLength: STAMP_FIELDS,
        maxLength: STAMP_FIELDS,
      }),
      class: fc.constantFrom('firmware', 'configuration'),
    });
    const folder = fc.tuple(
      fc.stringMatching(/^[a-z/]*$/),
      fc.uniqueArray(file, { selector: ({ name }) => name, minLength: 1, maxLength: 5 }),
    );
    const folders = fc.uniqueArray(folder, { selector: ([path]) => path, maxLength: 5 });
    fc.assert(
      fc.property(folders, fc.integer(), (some, rehashedAt) => {
        const builder = new ColumnsBuilder();
        for (const [path, files] of some) {
          builder.startFolder(path);
          const names = files.map(({ name }) => `${name}\n`).join('');
          const stamps = new BigInt64Array(files.flatMap(({ stamp }) => stamp));
          const classes = files.map((one) => one.class);
          const classNumbers = Uint8Array.from(classes.keys());
          const digests = Buffer.from(files.map(({ name }) => sha256(name)).join(''), 'hex');
          builder.addFiles({ names, stamps, classes, classNumbers, digests }, [...files.keys()]);
        }
        const columns = builder.finish({ rehashedAt, profile: FORGED, whole: WHOLE });
        expect(plain(decodeStatColumns('index', encodeStatColumns(columns, '/r'), '/r'))).toEqual(plain(columns));
      }),
    );
  });
});

describe('an agent', () => {
  it('takes stock by its stat index', async () => {
    const server = new Server({ 'a.ini': 'a', 'x.lic': 'x' });
    const control = new Control();
    const agent = control.start(SOURCE, server.root, { stateFolder: server.stateFolder, now: SETTLED });
    const first = await control.inventory(SOURCE, false);
    expect(existsSync(server.file)).toBe(true);
    server.forge();
    const second = await control.inventory(SOURCE, false);
    expect(second.manifest.entries).toContainEqual(expect.objectContaining({ path: 'a.ini', sha256: FORGED }));
    expect(second.receipt.summary.protectedState).toBe(first.receipt.summary.protectedState);
    await agent.stop();
  });
});

/** Whatever memory its bytes lie in. */
function plain({ digests, folders, rows, ...rest }: StatColumns): unknown {
  const [names, digestBytes] = [Buffer.from(rows.names).toString(), Buffer.from(digests).toString('hex')];
  return { ...rest, folders: [...folders], names, stamps: [...rows.stamps], digests: digestBytes };
}

function read(bytes: Uint8Array, root: string): StatColumns | undefined {
  try {
    return decodeStatColumns('index', bytes, root);
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

function edit(bytes: Buffer, what: string, replacement: string): Buffer {
  const end = bytes.indexOf('\n');
  const header = bytes.toString('utf8', 0, end).replace(what, replacement);
  return Buffer.concat([Buffer.from(header), bytes.subarray(end)]);
}
