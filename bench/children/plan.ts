import { join } from 'node:path';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { openFileSigner } from '#adapters/file-signer.ts';
import type { SyncId } from '#core/sync.ts';
import { plan } from '#functions/plan/plan.ts';
import { readTask, reportResult } from './task.ts';

export interface PlanTask {
  readonly store: string;
  readonly state: string;
  readonly sync: SyncId;
}

export interface PlanResult {
  /** Seconds of the plan function. */
  readonly work: number;
}

/** The plan function of the workflow, once, over what lies in the store. */
async function main(): Promise<void> {
  const { state, store: folder, sync } = readTask<PlanTask>();
  const store = await DirectoryStore.open(folder);
  const signer = await openFileSigner(join(state, 'control-key.pem'));
  const started = performance.now();
  const planned = await plan({ store, signer, now: () => new Date(), log: () => undefined }, { step: 'plan', sync });
  if (planned?.next !== 'approve') throw new Error('the plan found nothing to do');
  reportResult<PlanResult>({ work: (performance.now() - started) / 1000 });
}

await main();
