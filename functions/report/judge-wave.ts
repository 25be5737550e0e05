import { ErrorBudgetSpent, Interrupted } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { endedWell } from '#core/verdict.ts';
import { tell } from '../counted-events.ts';
import type { Dependencies } from '../dependencies.ts';
import { lookAtAll, PARTS_AT_ONCE } from '../look-at-all.ts';
import { createOnce, loadRequest, requirePlan } from '../sync-documents.ts';
import { serversOfWave, type Wave, writeWave } from '../waves.ts';
import { judgeDestination } from './judge-destination.ts';

type JudgeDependencies = Pick<Dependencies, 'store' | 'signer' | 'now' | 'log'>;

export interface WaveToJudge {
  readonly sync: SyncId;
  readonly wave: number;
  /** Destinations of earlier waves that ended badly. */
  readonly bad: number;
}

/** Counts what ended badly so far against the error budget; throws ErrorBudgetSpent, else gives the next wave. */
export async function judgeWave(dependencies: JudgeDependencies, judged: WaveToJudge): Promise<Wave> {
  const { store, signer, now, log } = dependencies;
  const { sync, wave } = judged;
  const { waveSize, errorBudget } = await loadRequest(store, sync);
  const plan = await requirePlan(store, sync, signer.publicKey);
  const servers = serversOfWave(plan, waveSize, wave);
  const judge = (server: ServerId) => judgeDestination(dependencies, { plan, server });
  const verdicts = await lookAtAll(servers, judge, PARTS_AT_ONCE);
  const bad = judged.bad + verdicts.filter((verdict) => !endedWell(verdict)).length;
  if (servers.length > 0) tell(log, 'wave-applied', { sync, wave, bad });
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
