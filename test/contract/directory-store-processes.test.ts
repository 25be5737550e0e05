import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { incrementOnce, isUniform } from '#test/support/store-races.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

const RACER = fileURLToPath(import.meta.resolve('#test/support/store-racer.ts'));
const NAMES = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];

test('eight processes race: one creator each, no update lost, no torn read', async () => {
  const folder = await temporaryFolder();
  const store = await storeWithCounter(folder);
  const racers = await startRacers(folder, 'race');
  const reports = await Promise.all(racers.map(async (racer) => JSON.parse(await nextLine(racer)) as Report));

  const created = reports.flatMap((report) => report.created);
  expect(created.toSorted()).toEqual(Array.from({ length: 40 }, (_, round) => `contested/${round}`).toSorted());
  for (const [index, report] of reports.entries()) {
    for (const key of report.created) expect(await textOf(store, key)).toBe(NAMES[index]);
    expect(report.torn).toBe(0);
  }
  expect(await textOf(store, 'counter')).toBe('320');
  expect((await store.get('rewritten'))?.body).toSatisfy(isUniform);
  expect(await readdir(join(folder, '.lockstep', 'tmp'))).toEqual([]);
});

test('processes killed in the middle of their writes leave no lock, no part and no lost update', async () => {
  const folder = await temporaryFolder();
  const store = await storeWithCounter(folder);
  const racers = await startRacers(folder, 'increment');
  let promised = 0;
  const killings = racers.map(async ({ child, lines }, index) => {
    let own = 0;
    for await (const _ of lines) {
      own += 1;
      if (own === 5 + index) child.kill('SIGKILL');
    }
    promised += own;
  });
  await Promise.all(killings);

  const counter = Number(await textOf(store, 'counter'));
  expect(counter).toBeGreaterThanOrEqual(promised);
  expect(counter).toBeLessThanOrEqual(promised + NAMES.length);
  await incrementOnce(store, 'counter');
  expect(await textOf(store, 'counter')).toBe(String(counter + 1));
  expect((await Array.fromAsync(store.list(''))).map(({ key }) => key)).toEqual(['counter']);
});

interface Report {
  readonly created: readonly string[];
  readonly torn: number;
}

interface Racer {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: AsyncIterableIterator<string>;
}

async function storeWithCounter(folder: string): Promise<DirectoryStore> {
  const store = await DirectoryStore.open(folder);
  await store.create('counter', new TextEncoder().encode('0'));
  return store;
}

/** All start together, when the last one has loaded. */
async function startRacers(folder: string, task: 'race' | 'increment'): Promise<readonly Racer[]> {
  const racers = NAMES.map((name) => startRacer([folder, name, task]));
  for (const racer of racers) expect(await nextLine(racer)).toBe('ready');
  for (const { child } of racers) child.stdin.write('go\n');
  return racers;
}

function startRacer(words: readonly string[]): Racer {
  const child = spawn(process.execPath, [RACER, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return { child, lines: createInterface(child.stdout)[Symbol.asyncIterator]() };
}

async function nextLine({ lines }: Racer): Promise<string> {
  const { value } = await lines.next();
  return String(value);
}

async function textOf(store: DirectoryStore, key: string): Promise<string> {
  return new TextDecoder().decode((await store.get(key))?.body);
}
