import { chmodSync, existsSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STAMP_FIELDS } from '#agents/file-stats.ts';
import { scan } from '#agents/scan.ts';
import { decodeStatColumns, encodeStatColumns, type StatColumns } from '#agents/stat-columns.ts';
import { StatIndex, type StatIndexOptions } from '#agents/stat-index.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { InvalidDocument } from '#core/errors.ts';
import type { Profile } from '#core/profile.ts';
import { type Tree, writeTree } from '#test/support/trees.ts';
import { Control, PROFILE, SOURCE, WORKERS } from './control.ts';
import { testFolder } from './test-folder.ts';

const HOUR = 3600 * 1000;

/** No file of a test is older than this clock's last two seconds. */
const SETTLED = () => new Date(Date.now() + 10_000);

/** What nothing hashes to: a scan that says it has trusted the memory. */
const FORGED = '7'.repeat(64) as Sha256;

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

  remembered(): StatColumns {
    return decodeStatColumns('index', readFileSync(this.file), this.root);
  }

  /** From now on a file that is not read has this digest. */
  forge(): void {
    const columns = this.remembered();
    writeFileSync(this.file, encodeStatColumns({ ...columns, digests: columns.paths.map(() => FORGED) }, this.root));
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
    expect(server.remembered().paths).toEqual(['a.ini']);
  });

  it('reads a file that only now is protected', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
    const profile: Profile = { name: 'other', version: 1, rules: [{ class: 'identity', match: ['*.ini'] }] };
    const { entries } = await scan({ root: server.root, profile, workers: WORKERS, statIndex: server.index() });
    expect(entries).toMatchObject([{ kind: 'protected', sha256: sha256('a') }]);
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
    expect(server.remembered().paths).toEqual([]);
    await server.scan(server.index({ now: () => new Date(ctimeMs + 2100) }));
    expect(server.remembered().paths).toEqual(['a.ini']);
  });

  it('remembers no file from the future', async () => {
    const server = new Server({ 'a.ini': 'a' });
    utimesSync(server.path('a.ini'), 5, Date.now() / 1000 + 3600);
    await server.scan();
    expect(server.remembered().paths).toEqual([]);
  });

  it('forgets files that are gone', async () => {
    const server = new Server({ 'a.ini': 'a', 'b.ini': 'b' });
    await server.scan();
    renameSync(server.path('a.ini'), server.path('c.ini'));
    await server.scan();
    expect([...server.remembered().paths].sort()).toEqual(['b.ini', 'c.ini']);
  });

  it('writes nothing when nothing has changed', async () => {
    const server = await scannedServer({ 'a.ini': 'a' });
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

describe('a damaged stat index', () => {
  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - 5)],
    ['empty', () => new Uint8Array()],
    ['of another version', (bytes) => edit(bytes, 'index/1', 'index/2')],
    ['with an unknown field', (bytes) => edit(bytes, '{', '{"more":1,')],
    ['about more files', (bytes) => edit(bytes, '"files":2', '"files":3')],
    ['about fewer files', (bytes) => edit(bytes, '"files":2', '"files":1')],
    ['of another root', (bytes) => edit(bytes, '"root":"', '"root":"/elsewhere')],
  ])('%s is ignored with a word about it, and replaced', async (_, damage) => {
    const server = await scannedServer({ 'a.ini': 'a', 'b.ini': 'b' });
    writeFileSync(server.file, damage(readFileSync(server.file)));
    expect(await server.scan()).toEqual({ 'a.ini': sha256('a'), 'b.ini': sha256('b') });
    expect(server.events).toEqual([{ event: 'stat-index-ignored', problem: expect.stringContaining(server.file) }]);
    expect(server.remembered().paths).toHaveLength(2);
  });

  it('is noticed whichever byte is another', async () => {
    const server = await scannedServer({ 'a.ini': 'a', 'b.ini': 'b' });
    const [bytes, intact] = [readFileSync(server.file), server.remembered()];
    for (let at = bytes.indexOf('\n') + 1; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (bytes[at] ?? 0) ^ 0x10;
      expect(read(damaged, server.root) ?? intact, `byte ${at}`).toEqual(intact);
    }
  });

  it('is none: what is remembered comes back as it was', () => {
    const stamp = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
      minLength: STAMP_FIELDS,
      maxLength: STAMP_FIELDS,
    });
    const files = fc.uniqueArray(
      fc.tuple(
        fc.stringMatching(/^[^\n]+$/u).filter((path) => path.isWellFormed()),
        stamp,
      ),
      {
        selector: ([path]) => path,
      },
    );
    fc.assert(
      fc.property(files, fc.integer(), (some, rehashedAt) => {
        const paths = some.map(([path]) => path);
        const stamps = new BigInt64Array(some.flatMap(([, one]) => one));
        const columns = { rehashedAt, paths, stamps, digests: paths.map((path) => sha256(path)) };
        expect(decodeStatColumns('index', encodeStatColumns(columns, '/r'), '/r')).toEqual(columns);
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
