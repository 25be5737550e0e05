import { keys } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import type { ConsoleParts } from '../console/console-parts.ts';
import { loadPlan } from '../sync-documents.ts';
import { notThere } from './problem.ts';

/** That there is such a sync. */
export async function findSync({ store }: Pick<ConsoleParts, 'store'>, text: string): Promise<SyncId> {
  const sync = syncIdSchema.safeParse(text);
  if (!sync.success || (await store.head(keys.request(sync.data))) === undefined)
    throw notThere(`there is no sync ${text.slice(0, LONGEST)}; GET /api/v1/syncs lists those that there are`);
  return sync.data;
}

/** That it has a plan, which the control plane has signed. */
export async function findPlan(parts: Pick<ConsoleParts, 'controlKey' | 'store'>, text: string): Promise<Plan> {
  const sync = await findSync(parts, text);
  const controlKey = await parts.controlKey();
  const plan = controlKey === undefined ? undefined : await loadPlan(parts.store, sync, controlKey);
  if (plan === undefined) throw notThere(`sync ${sync} has no plan yet; GET /api/v1/syncs/${sync} says how far it is`);
  return plan;
}

const LONGEST = 64;
