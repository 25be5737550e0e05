import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ended, Programs } from '#test/support/programs.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';

const BASE: Tree = {
  'Firmware/a.fw': new Uint8Array(3_000_000).fill(7),
  'TermCap.db': 'old pages',
  'Configuration/one.xml': '<one/>',
  'Configuration/Größe.ini': 'nfc',
  'only here.txt': 'work of the destination',
  'Licenses/server.lic': 'license of the destination',
};

const NEXT: Tree = {
  'Firmware/a.fw': new Uint8Array(3_000_000).fill(7).fill(8, 1_500_000, 1_500_100),
  'TermCap.db': 'new pages',
  'Configuration/one.xml': '<one/>',
  'Configuration/Größe.ini': 'nfc',
  ['Configuration/Größe.ini'.normalize('NFD')]: 'nfd',
  'Configuration/two with spaces.xml': '',
  'Configuration/copy of two.xml': '',
  'empty folder/': '',
  'Licenses/server.lic': 'license of the source',
  'deep/LICENSES/x': 'license, whatever its name',
};

let folder: string;
let programs: Programs;
let source: string;
let destination: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  programs = new Programs({ XDG_STATE_HOME: join(folder, 'state'), LOCKSTEP_STORE: '' });
  source = join(folder, 'next');
  destination = join(folder, 'base');
  writeTree(source, NEXT);
  writeTree(destination, BASE);
});

afterEach(() => programs.stop());

function sync(...args: string[]): Promise<Ended> {
  return programs.run('lockstep', ['sync', ...args]);
}

describe('a sync between folders of one machine', () => {
  it('makes the destination equal, but for licenses and what only it has; then has nothing to do', async () => {
    const before = readTree(source);
    const destinationBefore = readTree(destination);
    const first = await sync(source, destination, '--yes', '--json');
    expect(first).toMatchObject({ code: 0 });
    expect(JSON.parse(first.stdout)).toMatchObject({
      verdict: 'SUCCEEDED',
      plan: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      mode: 'overwrite',
      destinations: [
        { verdict: 'SUCCEEDED', changes: { create: 3, update: 2, remove: 0, keep: 3 }, protected: 1, unrecognised: 0 },
      ],
    });
    expect(readTree(source)).toEqual(before);
    const {
      'Licenses/server.lic': _,
      'deep/LICENSES/x': __,
      'deep/': ___,
      'deep/LICENSES/': ____,
      ...travels
    } = before;
    expect(readTree(destination)).toEqual({
      ...travels,
      'only here.txt': destinationBefore['only here.txt'],
      'Licenses/server.lic': destinationBefore['Licenses/server.lic'],
    });
    const second = await sync(source, destination, '--yes', '--json');
    expect(second.code).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({
      verdict: 'IN_SYNC',
      destinations: [{ verdict: 'IN_SYNC', bytesFetched: 0 }],
    });
  });

  it('removes what the source lacks in a mirror, but neither licenses nor links', async () => {
    symlinkSync('only here.txt', join(destination, 'a link'));
    expect((await sync(source, destination, '--mirror', '--yes', '--json')).code).toBe(0);
    const after = readTree(destination);
    expect(after).not.toHaveProperty('only here.txt');
    expect(after).toMatchObject({ 'a link': '-> only here.txt', 'Licenses/server.lic': expect.any(String) });
  });

  it('keeps modes, and replaces read-only files', async () => {
    chmodSync(join(source, 'TermCap.db'), 0o440);
    chmodSync(join(destination, 'TermCap.db'), 0o400);
    expect((await sync(source, destination, '--yes', '--json')).code).toBe(0);
    expect(readTree(destination)['TermCap.db']).toBe(readTree(source)['TermCap.db']);
  });

  it('writes nothing at the destination in a dry run', async () => {
    const before = readTree(destination);
    const { code, stdout } = await sync(source, destination, '--dry-run', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'PLANNED',
      destinations: [{ verdict: 'NOT_ATTEMPTED', changes: { create: 3, update: 2 } }],
    });
    expect(readTree(destination)).toEqual(before);
  });

  it('restricts itself to the classes that are named', async () => {
    const profile = join(folder, 'profile.yaml');
    writeFileSync(
      profile,
      'name: two\nversion: 1\nrules:\n  - class: firmware\n    match: ["Firmware/**"]\n  - class: license\n    match: ["**/licenses/**"]\n  - class: configuration\n    match: ["**"]\n',
    );
    const { code, stdout } = await sync(
      source,
      destination,
      '--profile',
      profile,
      '--only',
      'firmware',
      '--yes',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).destinations[0].changes).toEqual({ create: 0, update: 1, remove: 0, keep: 4 });
  });

  it('serves several destinations from one snapshot', async () => {
    const others = ['b', 'c'].map((name) => join(folder, name));
    for (const other of others) writeTree(other, BASE);
    const { code, stdout } = await sync(source, destination, ...others, '--yes', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).destinations.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'SUCCEEDED',
      'SUCCEEDED',
      'SUCCEEDED',
    ]);
  });

  it('shows the wizard’s steps to a person', async () => {
    const { code, stdout } = await sync(source, destination, '--yes');
    expect(code).toBe(0);
    for (const words of ['Synchronization Differences', 'configuration', 'TermCap.db', 'SUCCEEDED'])
      expect(stdout).toContain(words);
  });
});

describe('a sync that cannot be', () => {
  const cases: readonly [string, (place: string) => string[], 2 | 3, RegExp][] = [
    ['no arguments', () => [], 2, /name a source/],
    ['one argument', () => ['next'], 2, /destination/],
    ['a missing folder', () => ['next', 'nowhere', '--yes'], 2, /no folder .*nowhere/],
    ['a file where a folder should be', () => ['next', 'file', '--yes'], 2, /file is a file/],
    ['the same folder twice', () => ['next', 'next', '--yes'], 2, /same folder|twice/],
    ['the same folder by a link', () => ['next', 'link', '--yes'], 2, /same folder|twice/],
    ['a folder inside the other', () => ['next', 'next/Configuration', '--yes'], 2, /inside/],
    ['an unknown flag', () => ['next', 'base', '--yess'], 2, /--yess/],
    ['a question nobody can answer', () => ['next', 'base'], 2, /--yes/],
    ['an unknown profile', () => ['next', 'base', '--yes', '--profile', 'no-such'], 2, /no-such/],
    ['an empty source', () => ['empty', 'base', '--yes'], 3, /--allow-shrink/],
    ['a source that shrank', () => ['shrunk', 'base', '--yes'], 3, /--allow-shrink/],
  ];

  it.each(cases)('%s: says so once and touches nothing', async (_, args, code, message) => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('next', join(folder, 'link'));
    mkdirSync(join(folder, 'empty'));
    writeTree(join(folder, 'shrunk'), { 'one.xml': '' });
    const before = readTree(destination);
    const result = await programs.run('lockstep', ['sync', ...args(folder)], { cwd: folder });
    expect(result).toMatchObject({ code });
    const said = code === 2 ? result.stderr : result.stdout + result.stderr;
    expect(said).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
    if (code === 2) expect(result.stdout).toBe('');
    expect(readTree(destination)).toEqual(before);
  });

  it('an unknown command: exit 2', async () => {
    const { code, stderr } = await programs.run('lockstep', ['synchronise']);
    expect(code).toBe(2);
    expect(stderr).toContain('synchronise');
  });

  it('takes the shrunk source when told to', async () => {
    rmSync(source, { recursive: true });
    writeTree(source, { 'TermCap.db': 'alone' });
    expect((await sync(source, destination, '--allow-shrink', '--yes', '--json')).code).toBe(0);
    expect(readTree(destination)).toHaveProperty('only here.txt');
  });

  it('no permission at the destination: refused before anything is written', async (context) => {
    if (process.getuid?.() !== 0) return context.skip('only root may start a program as somebody else');
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'state'));
    chmodSync(join(folder, 'state'), 0o777);
    const before = readTree(destination);
    const result = await programs.run('lockstep', ['sync', source, destination, '--yes'], { uid: 65534, gid: 65534 });
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/permission|write/i) });
    expect(readTree(destination)).toEqual(before);
  });
});
