import { realpath, stat } from 'node:fs/promises';
import { holdSingleInstance } from '#adapters/single-instance.ts';
import { classifier } from '#core/classify.ts';
import { BadInput } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { type Profile, profileDigest } from '#core/profile.ts';
import type { ServerId } from '#core/server.ts';
import { sendKeptAnswer } from './answer.ts';
import type { AgentContext } from './context.ts';
import { followOrders } from './cycle.ts';
import type { Hooks } from './hook-settings.ts';
import { PACE } from './pace.ts';
import { assertReadable, recoverApplies } from './recover.ts';
import { retryingStore } from './retrying-store.ts';
import { StatIndex } from './stat-index.ts';
import { AgentState } from './state.ts';
import { throttledStore } from './throttled-store.ts';
import type { WorkerPool } from './worker-pool.ts';

/** One event a call; never a secret. */
export type AgentLog = (event: string, fields: Record<string, unknown>) => void;

export interface AgentDependencies {
  readonly store: ObjectStore;
  readonly server: ServerId;
  readonly root: string;
  readonly profile: Profile;
  readonly stateFolder: string;
  readonly signer: Signer;
  /** The control plane's public key, PEM, pinned at enrolment. */
  readonly controlKey: string;
  readonly now: () => Date;
  readonly log: AgentLog;
  readonly pollMilliseconds: number;
  /** The pause between two looks for an order, for whoever can say that one was written; by default just that. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly workers: WorkerPool;
  /** To and from the store; asked again and again, so that it can change at any time. `undefined`: no limit. */
  readonly bytesPerSecond?: () => number | undefined;
  /** Between two words about an order at work; 2 seconds. */
  readonly progressMilliseconds?: number;
  /** Between two words while idle; 10 seconds. */
  readonly statusMilliseconds?: number;
  /** Between two looks whether the store shows what this agent has written; 5 minutes. */
  readonly readBackMilliseconds?: number;
  /** Between two scans that read every file again, whatever the stat index says; 24 hours. 0: each does. */
  readonly fullRehashMilliseconds?: number | undefined;
  /** The operator's programs around an apply. */
  readonly hooks?: Hooks | undefined;
  /** What they see beside the variables that say what they are run for. */
  readonly hookEnvironment?: Readonly<Record<string, string>>;
  /** Applies whose pre-images stay for a rollback; none where absent. */
  readonly keepPreImages?: number;
}

/**
 * Serves one root until the signal: first puts right what a killed run left behind, then obeys order after order.
 * Outlasts any outage of the store. Throws BadInput when it cannot serve this root at all.
 */
export async function runAgent(agent: AgentDependencies, signal: AbortSignal): Promise<void> {
  const root = await findRoot(agent.root);
  const taken = `another agent or sync is at work on ${root}: wait until it has ended, or stop it, then try again`;
  await using _hold = await holdSingleInstance({ role: 'agent', subject: root, taken });
  const context = await prepare(agent, root);
  context.log('agent-started', {
    server: agent.server,
    root,
    store: agent.store.url,
    lastSequence: context.state.lastSequence,
  });
  try {
    assertReadable(await recoverApplies(context));
    await sendKeptAnswer(context, signal);
    await followOrders(context, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  context.log('agent-stopped', { server: agent.server });
}

/** The folder's real path, so that a link to it cannot be turned while the agent works. */
export async function findRoot(root: string): Promise<string> {
  try {
    const real = await realpath(root);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw new BadInput(`the root ${root} cannot be used: ${(cause as Error).message}`, { cause });
  }
  throw new BadInput(`the root ${root} is not a folder`);
}

async function prepare(agent: AgentDependencies, root: string): Promise<AgentContext> {
  return {
    ...agent,
    root,
    store: retryingStore(throttledStore(agent.store, agent.bytesPerSecond), agent.log),
    impatientStore: agent.store,
    state: await AgentState.open(agent.stateFolder),
    statIndex: new StatIndex({ ...agent, root }),
    profileDigest: profileDigest(agent.profile),
    classify: classifier(agent.profile),
    progressMilliseconds: agent.progressMilliseconds ?? 2000,
    statusMilliseconds: agent.statusMilliseconds ?? PACE.statusSeconds * 1000,
    readBackMilliseconds: agent.readBackMilliseconds ?? PACE.readBackSeconds * 1000,
  };
}
