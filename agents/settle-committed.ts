import type { RecoveryContext } from './context.ts';
import type { Journal } from './journal.ts';
import { keepPreImages } from './pre-images.ts';
import { dropWorkFolder, type WorkFolder } from './work-folder.ts';

/**
 * Ends an apply that is committed and whose receipt is in the state folder: its pre-images are kept for a rollback, the
 * rest of its work folder goes. Done again after a kill, from wherever it stopped.
 */
export async function settleCommitted(context: RecoveryContext, work: WorkFolder, journal: Journal): Promise<void> {
  await keepPreImages(context, { root: context.root, work, journal });
  await dropWorkFolder(context.root, work);
}
