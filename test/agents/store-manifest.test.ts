import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sha256 } from '#core/digest.ts';
import { keys } from '#core/keys.ts';
import { findDeltaHeader, MAX_DELTAS } from '#core/manifest-layers.ts';
import { summaryIn } from '#core/receipt.ts';
import { loadManifest } from '#functions/plan/stock.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

const FILES = 400;

let root: string;
let state: string;
let control: Control;

beforeEach(() => {
  [root, state] = [join(testFolder(), 'source'), testFolder()];
  writeTree(root, Object.fromEntries(Array.from({ length: FILES }, (_, number) => [`${number}.ini`, `${number}`])));
  control = new Control();
  control.start(SOURCE, root, { stateFolder: state });
});

/** Takes stock; the manifest that the control plane then reads lists what is there. */
async function takeStock(): Promise<Stored> {
  const { manifest, receipt } = await control.inventory(SOURCE, false);
  expect(manifest.summary).toEqual(summaryIn(receipt));
  return stored(manifest.summary.manifest);
}

interface Stored {
  readonly digest: Sha256;
  readonly bytes: number;
  readonly base: Sha256 | undefined;
}

async function stored(digest: Sha256): Promise<Stored> {
  const object = await control.store.get(keys.manifest(SOURCE, digest));
  const bytes = object?.body ?? expect.unreachable();
  return { digest, bytes: bytes.length, base: findDeltaHeader('manifest', bytes)?.base };
}

function edit(number: number, content: string): void {
  writeFileSync(join(root, `${number}.ini`), content);
}

function remove({ digest }: Stored): Promise<void> {
  return control.store.delete(keys.manifest(SOURCE, digest));
}

describe('an agent whose server changed a little since it last took stock', () => {
  it('sends a small share of its manifest', async () => {
    const whole = await takeStock();
    edit(7, 'edited');
    const delta = await takeStock();
    expect(delta.base).toBe(whole.digest);
    expect(delta.bytes).toBeLessThan(whole.bytes * 0.03);
  });

  it('sends a whole one again before the deltas are too many', async () => {
    await takeStock();
    const depths: number[] = [];
    for (let round = 0; round < MAX_DELTAS + 2; round++) {
      edit(round, `edited ${round}`);
      const { digest } = await takeStock();
      depths.push((await loadManifest(control.store, SOURCE, digest)).layers.length - 1);
    }
    expect(depths).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0, 1]);
  });

  it('sends a whole one again before the deltas are together half as large', async () => {
    const whole = await takeStock();
    const editThird = (third: number) => {
      for (let number = 0; number < FILES / 3; number++) edit(number, `edited ${third} ${number}`);
    };
    editThird(1);
    const delta = await takeStock();
    expect(delta.base).toBe(whole.digest);
    expect(delta.bytes).toBeGreaterThan(whole.bytes / 4);
    editThird(2);
    expect((await takeStock()).base).toBeUndefined();
  });

  it('sends nothing when all is as it was in a manifest that it has stored before', async () => {
    const whole = await takeStock();
    edit(7, 'edited');
    await takeStock();
    edit(7, '7');
    const { manifest } = await control.inventory(SOURCE, false);
    // Only the time of the file may tell it from the first.
    if (manifest.summary.manifest === whole.digest) expect(await stored(whole.digest)).toEqual(whole);
  });
});

describe('an agent whose former manifest is not what it can count on sends a whole one', () => {
  it('when the base is no longer in the store', async () => {
    const whole = await takeStock();
    await remove(whole);
    edit(7, 'edited');
    expect((await takeStock()).base).toBeUndefined();
  });

  it('when the manifest at the bottom is no longer in the store', async () => {
    const whole = await takeStock();
    edit(7, 'edited');
    await takeStock();
    await remove(whole);
    edit(8, 'edited');
    expect((await takeStock()).base).toBeUndefined();
  });

  it('in the place of a delta, when all is as it was', async () => {
    const whole = await takeStock();
    edit(7, 'edited');
    const delta = await takeStock();
    await remove(whole);
    const again = await takeStock();
    expect(again).toMatchObject({ digest: delta.digest, base: undefined });
  });

  it('in the place of a delta that a person removed', async () => {
    await takeStock();
    edit(7, 'edited');
    const delta = await takeStock();
    await remove(delta);
    expect(await takeStock()).toMatchObject({ digest: delta.digest, base: undefined });
  });

  it.each([
    ['forgotten', (path: string) => rmSync(path)],
    ['damaged', (path: string) => writeFileSync(path, 'damaged')],
  ])('when what it remembers is %s', async (_, harm) => {
    await takeStock();
    const folder = join(state, 'last-manifest');
    for (const name of readdirSync(folder)) harm(join(folder, name));
    edit(7, 'edited');
    expect((await takeStock()).base).toBeUndefined();
  });
});
