import { keys, parseExecutionKey } from '#core/keys.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { tell } from '../counted-events.ts';
import type { Dependencies } from '../dependencies.ts';

type StartDependencies = Pick<Dependencies, 'store' | 'log'> & { readonly executions: Executions };

/**
 * Somebody has recorded a sync that is to be run: starts the workflow on it, under the sync's id. The record goes once
 * that is done, for it would tell a sweep that a controller is about to go on with this sync. Harmless when repeated.
 */
export async function start({ executions, log, store }: StartDependencies, key: string): Promise<void> {
  const sync = parseExecutionKey(key);
  if (sync === undefined) return;
  if ((await store.head(keys.verdict(sync))) === undefined) {
    await executions.start(sync);
    tell(log, 'sync-started', { sync });
  }
  await store.delete(key);
}
