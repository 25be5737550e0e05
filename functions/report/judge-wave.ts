import { ErrorBudgetSpent } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import { endedWell } from '#core/verdict.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadRequest, requirePlan } from '../sync-documents.ts';
import { attemptedServers, type Wave, writeWave } from '../waves.ts';
import { judgeDestination } from './judge-destination.ts';

type JudgeDependencies = Pick<Dependencies, 'store' | 'signer' | 'now'>;

/** Counts what ended badly so far against the error budget; throws ErrorBudgetSpent, else gives the next wave. */
export async function judgeWave(
  dependencies: JudgeDependencies,
  { sync, wave }: { readonly sync: SyncId; readonly wave: number },
): Promise<Wave> {
  const { store, signer, now } = dependencies;
  const request = await loadRequest(store, sync);
  const plan = await requirePlan(store, sync, signer.publicKey);
  const next = await writeWave(store, { plan, waveSize: request.waveSize, index: wave + 1 });
  let bad = 0;
  for (const server of attemptedServers(plan, request.waveSize, wave)) {
    const verdict = await judgeDestination(dependencies, { plan, server });
    if (!endedWell(verdict)) bad++;
  }
  if (bad > request.errorBudget && next.more) {
    await createOnce(store, keys.halted(sync), { wave, bad, budget: request.errorBudget, at: now().toISOString() });
    throw new ErrorBudgetSpent(
      `${bad} destination(s) ended badly up to wave ${wave + 1}; the error budget is ${request.errorBudget}`,
    );
  }
  return next;
}
