import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadProfile } from '#adapters/profile-file.ts';
import { scan } from '#agents/scan.ts';
import { StatIndex } from '#agents/stat-index.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { memoryOf, serverIdOf } from '#embedded/local-server.ts';

/**
 * What a reset has written anew its agent would take for changed files. It looks at them as it looked at those that were
 * there before: long enough after they were written to remember them.
 */
export async function rememberFiles(
  { folder, state }: { readonly folder: string; readonly state: string },
  signal: AbortSignal,
): Promise<void> {
  const root = await realpath(folder);
  const stateFolder = memoryOf(state, serverIdOf(root));
  const statIndex = new StatIndex({ stateFolder, root, now: () => new Date(), log: () => undefined });
  const workers = new WorkerPool();
  try {
    await sleep(TOO_YOUNG_MILLISECONDS, undefined, { signal });
    await scan({ root, profile: await loadProfile('generic'), workers, statIndex, signal });
  } finally {
    await workers.close();
  }
}

const TOO_YOUNG_MILLISECONDS = 2100;
