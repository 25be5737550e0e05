import { setImmediate } from 'node:timers/promises';
import { loadProfile } from '#adapters/profile-file.ts';
import { runAgent } from '#agents/agent.ts';
import { readAgentFile } from '#agents/agent-file.ts';
import { openAgentSigner } from '#agents/enrol.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import type { World } from './world.ts';

/** One thread: the calls come in the same order each time. */
const WORKERS = new WorkerPool(1);

export interface Served {
  /** What ended the agent before it was told to stop. */
  readonly problem?: string;
  readonly events: readonly string[];
}

interface Watching {
  /** Everything is read that an agent reads before it looks at its folders. */
  readonly onBegin: () => void;
  readonly onEvent: (event: string) => void;
}

/**
 * Runs the world's agent until it has nothing more to do, as `lockstep-agent run` does with what lies in the state
 * folder; only root and store are where the world is now.
 */
export async function serveWorld(world: World, { onBegin, onEvent }: Watching): Promise<Served> {
  const file = await readAgentFile(world.state);
  if (file === undefined) throw new Error(`there is no agent in ${world.state}`);
  const stopping = new AbortController();
  const events: string[] = [];
  let [rounds, quietRounds] = [0, 0];
  const log = (event: string, fields: Readonly<Record<string, unknown>>) => {
    events.push(`${event} ${JSON.stringify(fields)}`);
    quietRounds = 0;
    onEvent(event);
  };
  const pause = async () => {
    if (++rounds >= MOST_ROUNDS || ++quietRounds >= QUIET_ROUNDS) stopping.abort();
    await setImmediate();
  };
  const agent = {
    ...file,
    root: world.root,
    stateFolder: world.state,
    store: world.store(),
    profile: await loadProfile(world.profile),
    signer: await openAgentSigner(world.state),
    now: () => new Date(),
    log,
    pause,
    pollMilliseconds: 1,
    hookEnvironment: {},
    workers: WORKERS,
  };
  onBegin();
  try {
    await runAgent(agent, stopping.signal);
    return { events };
  } catch (error) {
    return { events, problem: (error as Error).message };
  }
}

const QUIET_ROUNDS = 3;
const MOST_ROUNDS = 40;
