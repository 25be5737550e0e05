import { appendFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { TaskName } from '#agents/worker-messages.ts';
import { type Conversation, type TaskInput, WorkerPool } from '#agents/worker-pool.ts';
import { sha256 } from '#core/digest.ts';
import { isArtifact } from '#core/manifest.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const SIZE = 5 * 1024 * 1024;
const OLD = noise('old', SIZE);
const NEW = Buffer.concat([noise('new', 1000), OLD]);

let root: string;
let workers: NotingPool;
let control: Control;

beforeEach(() => {
  root = testFolder();
  workers = new NotingPool(2);
  onTestFinished(() => workers.close());
  control = new Control();
  writeTree(root, { 'firmware/a.bin': OLD, 'site.lic': OLD, 'small.ini': 'small' });
  control.start(SOURCE, root, { workers });
});

/** Takes stock as a source; which files were read for their digest alone, and which were cut. */
async function takeStock() {
  workers.hashed.length = 0;
  workers.cut.length = 0;
  const { manifest, receipt } = await control.inventory(SOURCE, true);
  const contents = new Map(manifest.entries.filter(isArtifact).map((entry) => [entry.path as string, entry.sha256]));
  return { contents, receipt, hashed: [...workers.hashed].sort(), cut: [...workers.cut].sort() };
}

describe('a source reads a large file once, to hash and to cut it', () => {
  it('that was there in another form, and a destination becomes the same', async () => {
    await takeStock();
    writeFileSync(join(root, 'firmware/a.bin'), NEW);
    const { contents, cut, hashed } = await takeStock();
    expect(contents.get('firmware/a.bin')).toBe(sha256(NEW));
    expect(cut).toEqual(['firmware/a.bin']);
    expect(hashed).not.toContain('firmware/a.bin');
    const destination = testFolder();
    control.start(DESTINATION, destination);
    expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
  });

  it('when nothing at all is in the store; of a protected one nothing goes there', async () => {
    const { cut, hashed } = await takeStock();
    expect(cut).toEqual(['firmware/a.bin', 'small.ini']);
    expect(hashed).toContain('site.lic');
    expect(hashed).not.toContain('firmware/a.bin');
  });
});

describe('a source sends nothing of a large file', () => {
  it('that was only touched', async () => {
    await takeStock();
    utimesSync(join(root, 'firmware/a.bin'), 1, 1);
    expect((await takeStock()).receipt.bytesUploaded).toBeLessThan(1000);
  });

  it('that has a new name, and does not cut it: it is hashed first', async () => {
    await takeStock();
    renameSync(join(root, 'firmware/a.bin'), join(root, 'firmware/b.bin'));
    expect(await takeStock()).toMatchObject({ hashed: expect.arrayContaining(['firmware/b.bin']), cut: [] });
  });

  it('that is protected, and does not cut it', async () => {
    await takeStock();
    writeFileSync(join(root, 'site.lic'), NEW);
    const { cut, hashed, receipt } = await takeStock();
    expect(cut).toEqual([]);
    expect(hashed).toContain('site.lic');
    expect(receipt.bytesUploaded).toBeLessThan(1000);
  });
});

it('a large file that changes while it is cut is hashed and cut as it is then', async () => {
  await takeStock();
  writeFileSync(join(root, 'firmware/a.bin'), NEW);
  workers.beforeCut = () => appendFileSync(join(root, 'firmware/a.bin'), 'changed');
  const { contents, cut } = await takeStock();
  expect(contents.get('firmware/a.bin')).toBe(sha256(Buffer.concat([NEW, Buffer.from('changed')])));
  expect(cut).toEqual(['firmware/a.bin', 'firmware/a.bin']);
  control.start(DESTINATION, testFolder());
  expect(await control.apply(await control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
});

class NotingPool extends WorkerPool {
  readonly hashed: string[] = [];
  readonly cut: string[] = [];
  /** Called once, when the first piece of a file has been cut. */
  beforeCut: (() => void) | undefined;

  override async open<N extends TaskName>(task: N, input: TaskInput<N>, transfer?: readonly ArrayBuffer[]) {
    const conversation = await super.open(task, input, transfer);
    if (task === 'hash') this.hashed.push(...(input as TaskInput<'hash'>).paths);
    if (task !== 'cut') return conversation;
    this.cut.push(...(input as TaskInput<'cut'>).files.map(({ path }) => path));
    return this.#disturbed(conversation);
  }

  #disturbed<N extends TaskName>(conversation: Conversation<N>): Conversation<N> {
    return {
      ...conversation,
      next: async (reply) => {
        const step = await conversation.next(reply);
        const disturb = this.beforeCut;
        this.beforeCut = undefined;
        disturb?.();
        return step;
      },
    };
  }
}
