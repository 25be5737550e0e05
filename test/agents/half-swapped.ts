import { writeFileSync } from 'node:fs';
import { activate } from '#agents/activate.ts';
import { type Journal, writeJournal } from '#agents/journal.ts';
import { surveySite } from '#agents/preflight.ts';
import { makeWorkFolder, type WorkFolder, workFolderOf } from '#agents/work-folder.ts';
import type { ApplyOrder } from '#core/order.ts';
import { bringsContent } from '#core/plan.ts';
import type { Planned } from './control.ts';

/** Changes to the tree after which a kill is played: the plan of the tests makes sixteen. */
export const STEPS = Array.from({ length: 17 }, (_, step) => step);

export interface HalfSwap {
  readonly root: string;
  readonly order: ApplyOrder;
  readonly planned: Planned;
  readonly steps: number;
  readonly isStaged?: boolean;
}

/** The tree and the work folder as a kill leaves them after so many changes of the swap. */
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
      if (bringsContent(operation)) stageFile(work.fresh(number, operation.sha256), planned, operation.path);
  const journal = await writeJournal(work, {
    header: {
      order,
      startedAt: new Date().toISOString(),
      mode: planned.header.mode,
      before: {
        state: destination.manifest.summary.state,
        protectedState: destination.manifest.summary.protectedState,
      },
    },
    operations,
    folders: site.folders,
    newFolders: site.newFolders,
  });
  const swap = activate({ root, work, journal });
  for (let step = 0; step < steps && (await swap.next()).done !== true; step++);
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
