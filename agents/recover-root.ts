import { realpathSync } from 'node:fs';
import { loadProfile } from '#adapters/profile-file.ts';
import { holdSingleInstance } from '#adapters/single-instance.ts';
import { type AgentLog, findRoot } from './agent.ts';
import { type AgentFile, readAgentFile } from './agent-file.ts';
import { stateOf } from './apply-state.ts';
import { openAgentSigner } from './enrol.ts';
import { type RecoveredApply, recoverApplies } from './recover.ts';
import { restoreTree } from './restore-tree.ts';
import { StatIndex } from './stat-index.ts';
import { AgentState } from './state.ts';
import { listWorkFolders } from './work-folder.ts';
import { WorkerPool } from './worker-pool.ts';

export interface RootRecovery {
  readonly root: string;
  readonly stateFolder: string;
  readonly hookEnvironment: Readonly<Record<string, string>>;
  readonly log: AgentLog;
}

/**
 * Settles applies that were cut off, all that is needed being on this machine. Where the state folder is not that of the
 * root's own agent, only the tree is put right: hooks and answer are left to that agent's next start. Throws BadInput
 * while an agent is at work on the root.
 */
export async function recoverRoot({ root: named, ...rest }: RootRecovery): Promise<RecoveredApply[]> {
  const root = await findRoot(named);
  const taken = `an agent or sync is at work on ${root}, and settles what there is by itself: stop it first`;
  await using _hold = await holdSingleInstance({ role: 'agent', subject: root, taken });
  if (listWorkFolders(root).every((work) => stateOf(work).state === 'staged')) return [];
  const file = await readAgentFile(rest.stateFolder);
  if (file === undefined || !isSameFolder(file.root, root)) return restoreTree(root);
  return recoverAsAgent(file, { root, ...rest });
}

async function recoverAsAgent(
  file: AgentFile,
  { hookEnvironment, log, root, stateFolder }: RootRecovery,
): Promise<RecoveredApply[]> {
  const now = () => new Date();
  const workers = new WorkerPool();
  try {
    return await recoverApplies({
      ...file,
      root,
      stateFolder,
      hookEnvironment,
      log,
      now,
      workers,
      profile: await loadProfile(file.profile),
      signer: await openAgentSigner(stateFolder),
      state: await AgentState.open(stateFolder),
      statIndex: new StatIndex({ stateFolder, root, now, log, fullRehashMilliseconds: undefined }),
    });
  } finally {
    await workers.close();
  }
}

function isSameFolder(one: string, other: string): boolean {
  try {
    return realpathSync(one) === other;
  } catch {
    return false;
  }
}
