import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { type CapturedRun, runCaptured } from './captured-cli.ts';

test.each<{ readonly when: string; readonly words: readonly string[]; readonly says: string }>([
  { when: 'there is no command', words: [], says: 'name a command' },
  { when: 'the command is unknown', words: ['snyc'], says: "unknown command 'snyc'" },
  { when: 'a flag is unknown', words: ['sync', 'one', 'two', '--force'], says: "unknown option '--force'" },
  {
    when: 'there are no arguments and no terminal',
    words: ['sync'],
    says: 'name a source and at least one destination',
  },
  { when: 'there is no destination', words: ['sync', 'one'], says: 'name at least one destination' },
  { when: 'a folder is missing', words: ['sync', 'one', './gone', '--yes'], says: 'there is no folder' },
  {
    when: 'a file stands where a folder should',
    words: ['sync', 'one', 'file', '--yes'],
    says: 'is a file; a folder is needed',
  },
  {
    when: 'a part of the path is a file',
    words: ['sync', 'one', 'file/below', '--yes'],
    says: 'a part of that path is a file',
  },
  { when: 'one folder is named twice', words: ['sync', 'one', 'one', '--yes'], says: 'is named twice' },
  { when: 'a link leads to the same folder', words: ['sync', 'one', 'link', '--yes'], says: 'is named twice' },
  { when: 'a destination lies in the source', words: ['sync', 'one', 'one/below', '--yes'], says: 'lies inside' },
  { when: 'the source lies in a destination', words: ['sync', 'one/below', 'one', '--yes'], says: 'lies inside' },
  {
    when: 'two destinations lie in each other',
    words: ['sync', 'two', 'one', 'one/below', '--yes'],
    says: 'lies inside',
  },
  { when: 'nobody is there to be asked', words: ['sync', 'one', 'two'], says: 'add --yes' },
  { when: 'nobody is there to be asked for JSON', words: ['sync', 'one', 'two', '--json'], says: 'add --yes' },
  { when: 'the store is of no known kind', words: ['history', '--store', 'ftp://here'], says: 'is not a store' },
  { when: 'there is no store', words: ['history'], says: 'there is no store at' },
  { when: 'a server is of no fleet', words: ['sync', 'one', 'west/backup', '--yes'], says: 'no fleet file was pushed' },
  { when: 'an id is no sync id', words: ['approve', 'latest'], says: 'expected a sync id' },
  {
    when: 'a class never travels',
    words: ['sync', 'one', 'two', '--only', 'license'],
    says: 'not a class that travels',
  },
  {
    when: 'the profile lacks a class',
    words: ['sync', 'one', 'two', '--yes', '--only', 'firmware'],
    says: 'has no class firmware',
  },
  { when: 'the fleet file is missing', words: ['up', '--config', 'gone.yaml'], says: 'there is no fleet file' },
])('says so, once, and exits 2 when $when', async ({ words, says }) => {
  const { folder, run } = await prepare();
  const result = await run(words.map((word) => (FOLDERS.has(word.split('/')[0] ?? '') ? join(folder, word) : word)));
  expectBadInput(result, says);
});

test('refuses a store inside a tree', async () => {
  const { folder, run } = await prepare();
  const store = pathToFileURL(join(folder, 'one', 'store')).href;
  const result = await run(['sync', join(folder, 'one'), join(folder, 'two'), '--yes', '--store', store]);
  expectBadInput(result, 'must lie apart');
});

test('refuses a tree that holds the folder beside the store', async () => {
  const { folder, run } = await prepare();
  await mkdir(join(folder, 'store.control'));
  const store = pathToFileURL(join(folder, 'store')).href;
  const result = await run(['sync', join(folder, 'one'), join(folder, 'store.control'), '--yes', '--store', store]);
  expectBadInput(result, 'must lie apart');
});

test.each(['sync', 'plan', 'approve', 'reject', 'status', 'watch', 'history', 'up', 'console'])(
  '%s --help shows an example',
  async (command) => {
    const { run } = await prepare();
    const { exitStatus, out, err } = await run([command, '--help']);
    expect({ exitStatus, err }).toEqual({ exitStatus: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Examples?:\\n {2}lockstep ${command}`, 'm'));
  },
);

const FOLDERS: ReadonlySet<string> = new Set(['one', 'two', 'file', 'link']);

function expectBadInput({ exitStatus, out, err }: CapturedRun, says: string): void {
  expect(err).toContain(says);
  expect(err).toMatch(/^lockstep: /);
  expect(err).not.toMatch(/\n\s+at /);
  expect({ exitStatus, out }).toEqual({ exitStatus: 2, out: '' });
}

async function prepare() {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'one', 'below'), { recursive: true });
  await mkdir(join(folder, 'two'));
  await writeFile(join(folder, 'file'), 'x');
  await symlink(join(folder, 'one'), join(folder, 'link'));
  const run = (words: readonly string[]) => runCaptured(words, { stateFolder: join(folder, 'state') });
  return { folder, run };
}
