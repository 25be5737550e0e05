import { mkdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { foldersAbove, replaces } from '#agents/activate.ts';
import { type Journal, writeJournal } from '#agents/journal.ts';
import { surveySite } from '#agents/preflight.ts';
import { makeWorkFolder, type WorkFolder, workFolderOf } from '#agents/work-folder.ts';
import type { ApplyOrder } from '#core/order.ts';
import { bringsContent, type Operation } from '#core/plan.ts';
import type { Planned } from './control.ts';

/** Steps after which a kill is played: the plan of the tests has about fifteen. */
export const STEPS = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17];

export interface HalfSwap {
  readonly root: string;
  readonly order: ApplyOrder;
  readonly planned: Planned;
  readonly steps: number;
  readonly isStaged?: boolean;
}

/** The tree and the work folder as a kill leaves them after so many steps of the swap, in the order of activate.ts. */
export async function leaveHalfSwapped({
  isStaged = true,
  order,
  planned,
  root,
  steps,
}: HalfSwap): Promise<{ readonly work: WorkFolder; readonly journal: Journal }> {
  const { destination, operations } = planned;
  const work = workFolderOf(root, order);
  const site = isStaged ? surveySite(root, operations) : { folders: [], newFolders: [] };
  makeWorkFolder(root, work);
  if (isStaged)
    for (const [number, operation] of operations.entries())
      if (bringsContent(operation)) stageFile(work.fresh(number), planned, operation.path);
  const journal = await writeJournal(work, {
    header: {
      order,
      startedAt: new Date().toISOString(),
      before: {
        state: destination.manifest.summary.state,
        protectedState: destination.manifest.summary.protectedState,
      },
    },
    operations,
    folders: site.folders,
    newFolders: site.newFolders,
  });
  for (const step of stepsOf(root, work, journal).slice(0, steps)) step();
  return { work, journal };
}

/** The test's content is its path's; found in its tree. */
function stageFile(path: string, planned: Planned, target: string): void {
  const content: Readonly<Record<string, string>> = {
    'a.ini': 'new a',
    'b.ini': 'new b',
    'made/x/y.txt': 'made',
    'made/z': 'file',
  };
  writeFileSync(path, content[target] ?? planned.header.sync);
}

function stepsOf(root: string, work: WorkFolder, { newFolders, operations }: Journal): (() => void)[] {
  const numbered = [...operations.entries()];
  return [
    ...numbered
      .filter(([, operation]) => replaces(operation))
      .map(
        ([number, { path }]) =>
          () =>
            renameSync(`${root}/${path}`, work.old(number)),
      ),
    ...emptied(operations).map((folder) => () => rmdirSync(`${root}/${folder}`)),
    ...newFolders.map((folder) => () => mkdirSync(`${root}/${folder}`)),
    ...numbered
      .filter(([, operation]) => bringsContent(operation))
      .map(
        ([number, { path }]) =>
          () =>
            renameSync(work.fresh(number), `${root}/${path}`),
      ),
  ];
}

function emptied(operations: readonly Operation[]): string[] {
  const removals = operations.filter(({ change }) => change === 'remove').map(({ path }) => path);
  const kept = new Set(
    operations.filter(({ change }) => change !== 'remove').flatMap(({ path }) => foldersAbove(path)),
  );
  const folders = new Set(
    removals.flatMap((path) => foldersAbove(path)).filter((folder) => !kept.has(folder) && dirname(folder) !== ''),
  );
  return [...folders].sort((a, b) => b.length - a.length);
}
