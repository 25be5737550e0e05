import { type Activation, replaces } from './activate.ts';
import { type ApplyState, markUndoing, stateOf } from './apply-state.ts';
import { hashFiles } from './hash-files.ts';
import { damaged, type RecoveredApply, STOPPED } from './recover.ts';
import { undo } from './undo.ts';
import { listWorkFolders, type WorkFolder } from './work-folder.ts';

/** Puts a tree right without its agent: the old files back in their place and proved, or the new ones left as committed. */
export async function restoreTree(root: string): Promise<RecoveredApply[]> {
  const recovered: RecoveredApply[] = [];
  for (const work of listWorkFolders(root)) {
    const apply = await restoreApply(root, work, stateOf(work));
    if (apply !== undefined) recovered.push(apply);
  }
  return recovered;
}

async function restoreApply(root: string, work: WorkFolder, apply: ApplyState): Promise<RecoveredApply | undefined> {
  switch (apply.state) {
    case 'staged':
      return undefined;
    case 'damaged':
      return damaged(work, apply);
    case 'committed':
      return { order: apply.journal.header.order.order, tree: 'new', detail: `it was committed; ${LEFT}` };
    case 'swapping':
    case 'hooked':
    case 'undoing': {
      const { order } = apply.journal.header.order;
      const problem = await tryUndo({ root, work, journal: apply.journal });
      return problem === undefined
        ? { order, tree: 'old', detail: `the old files are back; ${LEFT}` }
        : { order, tree: 'unsettled', detail: `${problem}; old files that are not back lie in ${work.path}/old` };
    }
  }
}

async function tryUndo(activation: Activation): Promise<string | undefined> {
  try {
    await markUndoing(activation.work, { why: STOPPED, hooks: [] }, () => undefined);
    await undo(activation);
    return findWrong(activation);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Read back from the disk: whether each file that was replaced or removed is what it was. */
function findWrong({ journal, root }: Activation): string | undefined {
  const wrong = journal.operations.filter(replaces).find(({ former, path }) => digestOf(root, path) !== former.sha256);
  return wrong && `${JSON.stringify(wrong.path)} is not what it was`;
}

function digestOf(root: string, path: string): string | undefined {
  const hashing = hashFiles({ root, paths: [path] });
  for (;;) {
    const step = hashing.next();
    if (step.done !== true) continue;
    const [file] = step.value;
    return file?.kind === 'hashed' ? file.sha256 : undefined;
  }
}

const LEFT = 'the agent of this folder runs its hooks, answers and tidies up at its next start';
