import { ErrorBudgetSpent, Interrupted } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { SyncId } from '#core/sync.ts';
import { endedWell } from '#core/verdict.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadRequest, requirePlan } from '../sync-documents.ts';
import { serversOfWave, type Wave, writeWave } from '../waves.ts';
import { judgeDestination } from './judge-destination.ts';

type JudgeDependencies = Pick<Dependencies, 'store' | 'signer' | 'now'>;

export interface WaveToJudge {
  readonly sync: SyncId;
  readonly wave: number;
  /** Destinations of earlier waves that ended badly. */
  readonly bad: number;
}

/** Counts what ended badly so far against the error budget; throws ErrorBudgetSpent, else gives the next wave. */
export async function judgeWave(dependencies: JudgeDependencies, judged: WaveToJudge): Promise<Wave> {
  const { store, signer, now } = dependencies;
  const { sync, wave } = judged;
  const { waveSize, errorBudget } = await loadRequest(store, sync);
  const plan = await requirePlan(store, sync, signer.publicKey);
  let { bad } = judged;
  for (const server of serversOfWave(plan, waveSize, wave)) {
    if (!endedWell(await judgeDestination(dependencies, { plan, server }))) bad++;
  }
  const next = await writeWave(store, { plan, waveSize, index: wave + 1, bad });
  if ((bad > 0 || next.more) && (await store.head(keys.cancelled(sync))) !== undefined) {
    throw new Interrupted(`sync ${sync} was cancelled`);
  }
  // Halted before a restart is halted, even if a late receipt has made good for the budget since.
  if ((bad > errorBudget && next.more) || (await store.head(keys.halted(sync))) !== undefined) {
    await createOnce(store, keys.halted(sync), { wave, bad, budget: errorBudget, at: now().toISOString() });
    throw new ErrorBudgetSpent(
      `more destinations ended badly than the error budget of ${errorBudget} allows; the rest was not attempted`,
    );
  }
  return next;
}
