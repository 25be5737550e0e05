import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { writeJournal } from '#agents/journal.ts';
import { keepPreImages, listPreImages, preImageBytes } from '#agents/pre-images.ts';
import { makeWorkFolder, workFolderOf } from '#agents/work-folder.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { ApplyOrder } from '#core/order.ts';
import type { CopyMode } from '#core/sync.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { type Applied, nextSync, planRollback } from './rolled-back.ts';
import { testFolder } from './test-folder.ts';

const OURS: Tree = {
  'a.ini': 'new a',
  'b.ini': 'same',
  'firmware/new.bin': 'made'.repeat(1000),
  'made/x/y.txt': 'made',
  'empty/e/': '',
  'x.lic': 'ours',
};
const THEIRS: Tree = {
  'a.ini': 'old a',
  'b.ini': 'same',
  'gone/deep/c.ini': 'c'.repeat(5000),
  'gone/zero.txt': '',
  'made/x': 'file',
  'x.lic': 'theirs',
  'odd.what': '?',
};

interface Scene {
  readonly control: Control;
  readonly source: string;
  readonly destination: string;
  readonly agent: ReturnType<Control['start']>;
  readonly memory: { readonly stateFolder: string; readonly signer: ReturnType<typeof createKeySigner> };
}

function begin(keep = 3): Scene {
  const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, OURS);
  writeTree(destination, THEIRS);
  chmodSync(join(destination, 'a.ini'), 0o640);
  chmodSync(join(destination, 'gone/deep/c.ini'), 0o400);
  utimesSync(join(destination, 'gone/deep/c.ini'), 1_600_000_000, 1_600_000_000);
  chmodSync(join(destination, 'gone/deep'), 0o700);
  const control = new Control();
  control.start(SOURCE, source);
  const memory = { stateFolder: testFolder(), signer: createKeySigner() };
  const agent = control.start(DESTINATION, destination, { ...memory, keepPreImages: keep });
  return { control, source, destination, agent, memory };
}

/** A sync that succeeds. */
async function apply({ control }: Scene, mode: CopyMode = 'mirror'): Promise<Applied> {
  const planned = await control.plan(mode);
  const own = { ...planned, header: { ...planned.header, sync: nextSync() } };
  expect(await control.apply(own)).toMatchObject({ outcome: 'SUCCEEDED' });
  return own;
}

function keptBy({ destination }: Scene): string[] {
  return listPreImages(destination).map(({ sync }) => sync);
}

describe('an agent that rolls back', () => {
  it.each<CopyMode>(['overwrite', 'mirror'])('an %s leaves every byte, mode and time as it was', async (mode) => {
    const scene = begin();
    if (mode === 'overwrite') rmSync(join(scene.destination, 'made/x'));
    const before = readTree(scene.destination);
    const past = await apply(scene, mode);
    expect(readTree(scene.destination)).not.toEqual(before);
    expect(await scene.control.apply(await planRollback(scene.control, past))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readTree(scene.destination)).toEqual(before);
  });

  it('rolls that back, too, and that again', async () => {
    const scene = begin();
    const before = readTree(scene.destination);
    const past = await apply(scene);
    const after = readTree(scene.destination);
    let last: Applied = past;
    for (const expected of [before, after, before, after]) {
      const back = await planRollback(scene.control, last);
      expect(await scene.control.apply(back)).toMatchObject({ outcome: 'SUCCEEDED' });
      expect(readTree(scene.destination)).toEqual(expected);
      last = back;
    }
  });

  it('goes back sync by sync as far as pre-images are kept: what has served takes no place', async () => {
    const scene = begin(2);
    rmSync(join(scene.destination, 'made/x'));
    const states = [readTree(scene.destination)];
    const past: Applied[] = [];
    for (const content of ['1', '2', '3']) {
      past.push(await applyAnother(scene, 'a.ini', content));
      states.push(readTree(scene.destination));
    }
    for (const number of [2, 1]) {
      const back = await planRollback(scene.control, past[number] as Applied);
      expect(await scene.control.apply(back)).toMatchObject({ outcome: 'SUCCEEDED' });
      expect(readTree(scene.destination)).toEqual(states[number]);
    }
    const back = await planRollback(scene.control, past[0] as Applied);
    expect(await scene.control.apply(back)).toMatchObject({ outcome: 'REFUSED', reason: 'NO_PRE_IMAGES' });
  });

  it('asks the store for nothing but the part', async () => {
    const scene = begin();
    const before = readTree(scene.destination);
    const past = await apply(scene);
    for (const folder of ['packs/', 'indexes/', 'snapshots/'])
      for await (const { key } of scene.control.store.list(folder)) await scene.control.store.delete(key);
    const receipt = await scene.control.apply(await planRollback(scene.control, past));
    expect(receipt).toMatchObject({ outcome: 'SUCCEEDED', bytesFetched: expect.any(Number) });
    expect(receipt.bytesFetched).toBeLessThan(2000);
    expect(readTree(scene.destination)).toEqual(before);
  });

  it('says in its inventory which syncs it can roll back', async () => {
    const scene = begin();
    const [first, second] = [await apply(scene), await applyAnother(scene, 'b.ini')];
    const { receipt } = await scene.control.inventory(DESTINATION, false);
    expect(receipt.preImages).toEqual([second.header.sync, first.header.sync]);
  });

  it.each<[string, (path: string) => void]>([
    ['has another byte', (path) => writeFileSync(path, `C${readFileSync(path, 'utf8').slice(1)}`)],
    ['is gone', (path) => rmSync(path)],
    [
      'is a link',
      (path) => {
        renameSync(path, `${path}.elsewhere`);
        symlinkSync(`${path}.elsewhere`, path);
      },
    ],
  ])('refuses when a pre-image %s, and writes nothing', async (_, spoil) => {
    const scene = begin();
    const past = await apply(scene);
    const after = readTree(scene.destination);
    const back = await planRollback(scene.control, past);
    const [kept] = listPreImages(scene.destination);
    const image = `${kept?.path}/${sha256('c'.repeat(5000))}`;
    chmodSync(image, 0o600);
    spoil(image);
    expect(await scene.control.apply(back)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'NO_PRE_IMAGES',
      detail: expect.stringContaining('"gone/deep/c.ini"'),
    });
    expect(readTree(scene.destination)).toEqual(after);
  });

  it('takes what is damaged from another apply that has kept the same', async () => {
    const scene = begin();
    const first = await apply(scene);
    writeTree(scene.destination, { 'again.ini': 'c'.repeat(5000) });
    await apply(scene);
    const [newest, oldest] = listPreImages(scene.destination);
    for (const kept of [newest, oldest]) expect(existsSync(`${kept?.path}/${sha256('c'.repeat(5000))}`)).toBe(true);
    writeFileSync(`${newest?.path}/${sha256('c'.repeat(5000))}`, 'd'.repeat(5000));
    expect(await scene.control.apply(await planRollback(scene.control, first))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readFileSync(join(scene.destination, 'gone/deep/c.ini'), 'utf8')).toBe('c'.repeat(5000));
  });

  it('refuses what was changed between the plan and the order', async () => {
    const scene = begin();
    const back = await planRollback(scene.control, await apply(scene));
    writeTree(scene.destination, { 'a.ini': 'edited' });
    const edited = readTree(scene.destination);
    expect(await scene.control.apply(back)).toMatchObject({
      outcome: 'REFUSED',
      reason: 'STALE_PLAN',
      detail: expect.stringContaining('"a.ini"'),
    });
    expect(readTree(scene.destination)).toEqual(edited);
  });

  it('never writes a license, whatever a signed rollback says', async () => {
    const scene = begin();
    const past = await apply(scene);
    const back = await planRollback(scene.control, past);
    const operations = back.operations.map((one) => (one.path === 'a.ini' ? { ...one, path: 'x.lic' as never } : one));
    expect(
      await scene.control.apply({ ...back, operations: operations.toSorted((a, b) => (a.path < b.path ? -1 : 1)) }),
    ).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('says, when its disk is too full, what the pre-images take', async () => {
    const scene = begin();
    const past = await apply(scene);
    const back = await planRollback(scene.control, past);
    const operations = back.operations.map((one) => ('size' in one ? { ...one, size: 2 ** 50 } : one));
    const kept = preImageBytes(scene.destination);
    expect(kept).toBeGreaterThanOrEqual(5000);
    expect(await scene.control.apply({ ...back, operations })).toMatchObject({
      outcome: 'REFUSED',
      reason: 'NO_SPACE',
      detail: expect.stringContaining(`pre-images of earlier applies take ${kept}`),
    });
  });
});

describe('pre-images', () => {
  it('are kept of the last applies only, as many as the operator says', async () => {
    const scene = begin(2);
    const past = [await apply(scene), await applyAnother(scene, 'b.ini'), await applyAnother(scene, 'c.ini')];
    await applyAnother(scene, 'c.ini', '2');
    // The third has replaced nothing, and so is none of them.
    expect(keptBy(scene)).toEqual([expect.any(String), past[1]?.header.sync]);
    expect(readdirSync(join(scene.destination, '.lockstep/pre-images'))).toHaveLength(2);
  });

  it('are not kept where the operator says so, and those of before go with the next apply', async () => {
    const scene = begin(2);
    await apply(scene);
    expect(keptBy(scene)).toHaveLength(1);
    await scene.agent.stop();
    scene.control.start(DESTINATION, scene.destination, { ...scene.memory, keepPreImages: 0 });
    await applyAnother(scene, 'b.ini');
    expect(existsSync(join(scene.destination, '.lockstep'))).toBe(false);
  });

  it('are the old files themselves: nothing is copied to keep them', async () => {
    const scene = begin();
    const { ino } = lstatSync(join(scene.destination, 'gone/deep/c.ini'));
    await apply(scene);
    const [kept] = listPreImages(scene.destination);
    expect(lstatSync(`${kept?.path}/${sha256('c'.repeat(5000))}`).ino).toBe(ino);
  });

  it('stay when a later apply fails', async () => {
    const scene = begin(1);
    const past = await apply(scene);
    writeTree(scene.source, { 'b.ini': 'other' });
    const planned = await scene.control.plan();
    const header = { ...planned.header, stateAfter: planned.header.stateBefore };
    expect(await scene.control.apply({ ...planned, header })).toMatchObject({ outcome: 'ROLLED_BACK' });
    expect(keptBy(scene)).toEqual([past.header.sync]);
  });

  /** Moments between the commit and the end of the work folder, by what a kill leaves there. */
  const moments: readonly [string, (killed: Killed) => Promise<void>][] = [
    ['nothing was kept yet', async () => undefined],
    ['one old file had its new name', async ({ work, name }) => renameSync(work.old(name.number), name.path)],
    [
      'the listing was half written',
      async ({ work, name }) => {
        renameSync(work.old(name.number), name.path);
        writeFileSync(`${work.path}/old/listing.json.0.tmp`, '{"form');
      },
    ],
    ['all was kept, and the work folder still there', ({ keep }) => keep()],
    [
      'the journal was gone already',
      async ({ answer, keep, work }) => {
        answer();
        await keep();
        rmSync(work.journal);
      },
    ],
  ];

  it.each(moments)('are kept once and wholly when the agent was killed as %s', async (_, leave) => {
    const scene = begin();
    const before = readTree(scene.destination);
    const past = await scene.control.plan('mirror');
    const order = (await scene.control.orderApply(past)) as ApplyOrder;
    const receipt = await scene.control.receipt(order);
    await scene.agent.stop();
    const after = readTree(scene.destination);
    await playAgain(scene, past, order, leave);
    const agent = scene.control.start(DESTINATION, scene.destination, { ...scene.memory, keepPreImages: 3 });
    expect(await scene.control.receipt(order)).toEqual(receipt);
    while (readdirSync(join(scene.destination, '.lockstep')).some((name) => name.startsWith('apply-'))) await sleep(2);
    expect(readTree(scene.destination)).toEqual(after);
    expect(agent.events.map(({ event }) => event)).not.toContain('pre-images-not-kept');
    expect(keptBy(scene)).toEqual([past.header.sync]);
    expect(await scene.control.apply(await planRollback(scene.control, past))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readTree(scene.destination)).toEqual(before);
  });

  it('that are half removed, or whose listing is damaged, claim nothing and go with the next apply', async () => {
    const scene = begin();
    await apply(scene);
    const [kept] = listPreImages(scene.destination);
    const folder = join(scene.destination, '.lockstep/pre-images');
    mkdirSync(join(folder, 'half-removed'));
    writeFileSync(join(folder, 'half-removed', sha256('x')), 'x');
    writeFileSync(`${kept?.path}/listing.json`, 'no listing');
    expect(keptBy(scene)).toEqual([]);
    const next = await applyAnother(scene, 'b.ini');
    expect(keptBy(scene)).toEqual([next.header.sync]);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it.each<[string, (path: string) => void]>([
    ['a file', (path) => writeFileSync(path, 'a stranger')],
    ['a link', (path) => symlinkSync(testFolder(), path)],
  ])('are given up where %s is in their place: the apply has succeeded all the same', async (_, plant) => {
    const scene = begin();
    mkdirSync(join(scene.destination, '.lockstep'));
    plant(join(scene.destination, '.lockstep/pre-images'));
    await apply(scene);
    expect(scene.agent.events.map(({ event }) => event)).toContain('pre-images-not-kept');
    expect(keptBy(scene)).toEqual([]);
  });
});

interface Killed {
  readonly work: ReturnType<typeof workFolderOf>;
  /** Of the file that was replaced. */
  readonly name: { readonly number: number; readonly path: string };
  readonly keep: () => Promise<void>;
  /** The receipt is safe in the state folder, as it is before the journal goes. */
  readonly answer: () => void;
}

/** As if the agent had been killed after its commit, before it had sent its receipt. */
async function playAgain(
  { control, destination, memory }: Scene,
  past: Awaited<ReturnType<Control['plan']>>,
  order: ApplyOrder,
  leave: (killed: Killed) => Promise<void>,
): Promise<void> {
  const key = keys.receipt(DESTINATION, parseOrderId(order.order));
  const stored = await control.store.get(key);
  await control.store.delete(key);
  rmSync(join(memory.stateFolder, 'state.json'));
  const [kept] = listPreImages(destination);
  const work = workFolderOf(destination, order);
  makeWorkFolder(destination, work);
  const { protectedState, state } = past.destination.manifest.summary;
  const journal = await writeJournal(work, {
    header: { order, startedAt: new Date().toISOString(), mode: 'mirror', before: { protectedState, state } },
    operations: past.operations,
    folders: kept?.folders ?? [],
    newFolders: [],
  });
  for (const [number, operation] of past.operations.entries())
    if ('former' in operation)
      writeFileSync(work.old(number), readFileSync(`${kept?.path}/${operation.former.sha256}`));
  rmSync(join(destination, '.lockstep/pre-images'), { recursive: true });
  writeFileSync(work.receipt, stored?.body ?? '');
  const number = past.operations.findIndex(({ path }) => path === 'a.ini');
  const receipt = JSON.parse(Buffer.from(stored?.body ?? '').toString());
  await leave({
    work,
    answer: () =>
      writeFileSync(
        join(memory.stateFolder, 'unsent-receipt.json'),
        encodeDocument({ sequence: order.sequence, receipt }),
      ),
    name: { number, path: `${work.path}/old/${sha256('old a')}` },
    keep: () => keepPreImages({ keepPreImages: 3, log: () => undefined }, { root: destination, work, journal }),
  });
}

async function applyAnother(scene: Scene, path: string, content = 'another'): Promise<Applied> {
  writeTree(scene.source, { [path]: `${content} ${path}` });
  return await apply(scene, 'overwrite');
}
