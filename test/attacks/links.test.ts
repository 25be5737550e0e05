import {
  existsSync,
  lstatSync,
  mkdirSync,
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
import { MemoryStore } from '#adapters/memory-store.ts';
import { type Activation, activate } from '#agents/activate.ts';
import type { Journal } from '#agents/journal.ts';
import { surveySite } from '#agents/preflight.ts';
import { undo } from '#agents/undo.ts';
import { makeWorkFolder, workFolderOf } from '#agents/work-folder.ts';
import { sha256 } from '#core/digest.ts';
import { keys, orderId } from '#core/keys.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import type { ObjectInfo } from '#core/ports/object-store.ts';
import { DESTINATION, SOURCE } from '#test/agents/control.ts';
import { beginPair, photograph, refusalAfter } from '#test/agents/pair.ts';
import { testFolder } from '#test/agents/test-folder.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';

const VICTIM: Tree = {
  'b.bin': 'victim',
  'c.ini': 'victim',
  'sub/y.bin': 'victim',
  'deep/c.ini': 'victim',
  'new/z.txt': 'victim',
  'staged/victim.txt': 'victim',
};

describe('an agent refuses, and nothing is touched, when it finds', () => {
  it('a link in the place of a folder that it writes in', async () => {
    const pair = beginPair();
    const elsewhere = testFolder();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync(elsewhere, join(pair.destination, 'firmware'));
      return planned;
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining('link'),
    });
    expect(readTree(elsewhere)).toEqual({});
  });

  it('a link in the place of its work folder', async () => {
    const pair = beginPair();
    const elsewhere = testFolder();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync(elsewhere, join(pair.destination, '.lockstep'));
      return planned;
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
    expect(readTree(elsewhere)).toEqual({});
  });

  it.each(['firmware', '.lockstep'])(
    'a link that was planted in the place of %s between staging and swap',
    async (name) => {
      const store = new StoreWithStranger();
      const pair = beginPair(undefined, { 'firmware/a.bin': 'stays', 'a.ini': 'old' }, { store });
      const [elsewhere, aside] = [testFolder(), join(testFolder(), 'aside')];
      writeTree(elsewhere, VICTIM);
      const planned = await pair.control.plan();
      const id = orderId(planned.header.sync, 'apply', DESTINATION);
      for (const folder of ['new', 'old']) mkdirSync(join(elsewhere, `apply-${id}/${folder}`), { recursive: true });
      const before = photograph(elsewhere);
      let staged: readonly string[] = [];
      store.beforeSwap = () => {
        staged = Object.keys(readTree(join(pair.destination, '.lockstep')));
        renameSync(join(pair.destination, name), aside);
        symlinkSync(elsewhere, join(pair.destination, name));
      };
      expect(await pair.control.apply(planned)).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
      expect(staged.some((path) => path.includes('/new/'))).toBe(true);
      expect(photograph(elsewhere)).toEqual(before);
      expect(readFileSync(join(pair.destination, 'a.ini'), 'utf8')).toBe('old');
      if (name !== '.lockstep') expect(existsSync(join(pair.destination, '.lockstep'))).toBe(false);
    },
  );
});

/** Lets a stranger act once everything is staged: when the agent asks whether it is still awaited. */
class StoreWithStranger extends MemoryStore {
  beforeSwap: (() => void) | undefined;
  #looks = 0;

  override async head(...call: Parameters<MemoryStore['head']>): Promise<ObjectInfo | undefined> {
    const isLook = this.beforeSwap !== undefined && call[0].includes('/withdrawn/');
    if (isLook && ++this.#looks === 2) this.beforeSwap?.();
    return super.head(...call);
  }
}

it('an idle agent removes nothing through a link in the place of its work folder, however old that is', async () => {
  let looks = 0;
  const pause = async () => {
    looks++;
    await sleep(1);
  };
  const pair = beginPair(undefined, undefined, { agent: { pause } });
  const elsewhere = testFolder();
  writeTree(elsewhere, VICTIM);
  utimesSync(join(elsewhere, 'staged'), 1_000_000_000, 1_000_000_000);
  const before = photograph(elsewhere);
  symlinkSync(elsewhere, join(pair.destination, '.lockstep'));
  for (const last = looks + 3; looks < last; ) await sleep(1);
  expect(photograph(elsewhere)).toEqual(before);
});

it('a link at the source is seen, and neither followed nor brought', async () => {
  const pair = beginPair();
  const elsewhere = testFolder();
  writeTree(elsewhere, { 'secret.ini': 'secret' });
  symlinkSync(join(elsewhere, 'secret.ini'), join(pair.source, 'link.ini'));
  symlinkSync(elsewhere, join(pair.source, 'linked'));
  expect(await pair.control.apply(await pair.control.plan())).toMatchObject({ outcome: 'SUCCEEDED' });
  expect(Object.keys(readTree(pair.destination)).filter((path) => path.startsWith('link'))).toEqual([]);
  const { body } = (await pair.control.store.get(keys.currentOrder(SOURCE))) ?? expect.unreachable();
  expect(Buffer.from(body).toString()).not.toContain('secret');
});

interface Scene extends Activation {
  readonly before: Record<string, string>;
}

const OLD: Tree = {
  'a.ini': 'old',
  'firmware/b.bin': 'old',
  'firmware/sub/y.bin': 'old',
  'gone/deep/c.ini': 'old',
  'x.lic': 'license',
};

const NEW: Readonly<Record<string, string>> = {
  'a.ini': 'new',
  'firmware/b.bin': 'new',
  'firmware/n.bin': 'new',
  'firmware/sub/y.bin': 'new',
  'made/new/z.txt': 'new',
};

/** An apply that has staged everything and is about to swap. */
function beginSwap(): Scene {
  const root = testFolder();
  writeTree(root, OLD);
  const before = readTree(root);
  const operations = [...Object.keys(NEW), 'gone/deep/c.ini'].sort().map(operationOn);
  const work = workFolderOf(root, { order: 'attacked' });
  const { folders, newFolders } = surveySite(root, operations);
  makeWorkFolder(root, work);
  for (const [number, operation] of operations.entries())
    if (bringsContent(operation)) writeFileSync(work.fresh(number, operation.sha256), NEW[operation.path] ?? '');
  const journal = { operations, folders, newFolders } as unknown as Journal;
  return { root, work, journal, before };
}

function operationOn(path: string): Operation {
  const [was, becomes] = [OLD[path], NEW[path]];
  const former = { sha256: sha256(was ?? ''), size: 3 };
  const common = { class: 'configuration', path: parseRelativePath(path) };
  if (becomes === undefined) return { ...common, change: 'remove', former };
  const content = { ...common, mode: 0o644, mtime: 0, sha256: sha256(becomes), size: 3 };
  return was === undefined ? { ...content, change: 'create' } : { ...content, change: 'update', former };
}

async function countChanges(): Promise<number> {
  let changes = 0;
  for await (const _ of activate(beginSwap())) changes++;
  return changes;
}

describe('a link planted in the middle of the swap, in the place of', () => {
  it.each([
    'firmware',
    'firmware/sub',
    'gone',
    'gone/deep',
    'made',
    'made/new',
    '.lockstep',
    '.lockstep/apply-attacked',
    '.lockstep/apply-attacked/new',
    '.lockstep/apply-attacked/old',
  ])(
    '%s, leads neither the swap nor its undoing out of the root, after whichever change it is planted',
    async (target) => {
      const changes = await countChanges();
      expect(changes).toBeGreaterThan(8);
      for (let step = 0; step <= changes; step++) {
        const scene = beginSwap();
        const [elsewhere, aside] = [testFolder(), join(testFolder(), 'aside')];
        writeTree(elsewhere, VICTIM);
        // As if the work folder of the agent were there, too.
        for (const folder of ['apply-attacked/new', 'apply-attacked/old', 'new', 'old'])
          mkdirSync(join(elsewhere, folder), { recursive: true });
        const swap = activate(scene);
        for (let done = 0; done < step; done++) await swap.next();
        const path = join(scene.root, target);
        const wasThere = existsSync(path);
        if (!existsSync(join(path, '..'))) continue;
        if (wasThere) renameSync(path, aside);
        symlinkSync(elsewhere, path);
        const untouched = () => ({ elsewhere: photograph(elsewhere), aside: wasThere && photograph(aside) });
        const planted = untouched();

        const swapped = await settled(async () => {
          for await (const _ of swap);
        });
        expect(untouched(), `swap, after ${step} changes`).toEqual(planted);
        await settled(() => undo(scene));
        expect(untouched(), `undo, after ${step} changes`).toEqual(planted);
        if (step === 0 && !target.startsWith('made')) expect(swapped).toContain('link');

        rmSync(path);
        if (wasThere) renameSync(aside, path);
        await undo(scene);
        const { before, root } = scene;
        rmSync(join(root, '.lockstep'), { recursive: true });
        expect(readTree(root), `after ${step} changes, once the link was gone`).toEqual(before);
      }
    },
  );

  it('a file that is to be replaced, is replaced itself', async () => {
    const scene = beginSwap();
    const victim = join(testFolder(), 'victim.ini');
    writeFileSync(victim, 'victim');
    const path = join(scene.root, 'a.ini');
    rmSync(path);
    symlinkSync(victim, path);
    for await (const _ of activate(scene));
    expect(readFileSync(victim, 'utf8')).toBe('victim');
    expect(lstatSync(path).isFile()).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe('new');
  });
});

/** What it failed with, if it did. */
async function settled(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
