import { join } from 'node:path';
import { readAgentFile, writeAgentFile } from '#agents/agent-file.ts';
import type { Hooks } from '#agents/hook-settings.ts';
import type { Call, PlacedFault } from './fault.ts';
import type { Bounds } from './judge.ts';
import type { Lane } from './lane.ts';
import { prepareWorld, type Wish } from './prepare-world.ts';
import type { Step } from './step-of-call.ts';
import { STANDS_STILL_FILE, World } from './world.ts';

export interface Scenario {
  readonly name: string;
  readonly wish: Wish;
  /** Of the agent. */
  readonly hooks?: Hooks;
  /** The faults meet what comes after a kill: before the last call of this step of the apply. */
  readonly killedAtEndOf?: Step;
  /** Of so many calls only one is met with a fault: there are many, and much alike. */
  readonly everyTimes?: number;
}

/** Said by a hook; outside of what the seam watches. */
const STANDS_STILL = `"$LOCKSTEP_ROOT/../../${STANDS_STILL_FILE}"`;

/** What an apply can go through; a fault is tried at every call of each. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'overwrite', wish: { mode: 'overwrite' } },
  { name: 'mirror', wish: { mode: 'mirror' } },
  { name: 'many files', wish: { mode: 'overwrite', isCrowded: true }, everyTimes: 11 },
  {
    name: 'a service that stands still meanwhile',
    wish: { mode: 'overwrite' },
    hooks: { before: hook(`touch ${STANDS_STILL}`), after: hook(`rm -f ${STANDS_STILL}`) },
    everyTimes: 3,
  },
  { name: 'rollback', wish: { mode: 'mirror', isRollback: true } },
  { name: 'undo after a kill', wish: { mode: 'mirror' }, killedAtEndOf: 'verify' },
  { name: 'commit before a kill', wish: { mode: 'mirror' }, killedAtEndOf: 'commit' },
  {
    name: 'undo after a failed check',
    wish: { mode: 'mirror' },
    hooks: { after: hook('exit 0'), check: { ...hook('exit 1'), timeoutSeconds: 1, intervalSeconds: 1 } },
  },
];

export interface Stage {
  readonly scenario: Scenario;
  /** Nobody may change it. */
  readonly prepared: World;
  readonly calls: readonly Call[];
  readonly bounds: Bounds;
}

/** The world in which the scenario begins, and what happens there without a fault. */
export async function setStage(scenario: Scenario, folder: string, lane: Lane): Promise<Stage> {
  const fresh = new World(join(folder, 'fresh'));
  await prepareWorld(fresh, scenario.wish);
  const whole = await lane.count(fresh);
  if (scenario.hooks !== undefined) {
    const file = await readAgentFile(fresh.state);
    if (file !== undefined) await writeAgentFile(fresh.state, { ...file, hooks: scenario.hooks });
    return { scenario, prepared: fresh, ...(await lane.count(fresh, whole.bounds)) };
  }
  if (scenario.killedAtEndOf === undefined) return { scenario, prepared: fresh, ...whole };
  const prepared = new World(join(folder, 'killed'));
  await lane.kill(fresh, endOf(scenario.killedAtEndOf, whole.calls));
  prepared.copyFrom(lane.world);
  return { scenario, prepared, ...(await lane.count(prepared, whole.bounds)) };
}

function endOf(step: Step, calls: readonly Call[]): PlacedFault {
  const last = calls.findLast((call) => call.step === step);
  if (last === undefined) throw new Error(`an apply without the step ${step}`);
  return { fault: step === 'commit' ? 'kill after' : 'kill before', call: last.number };
}

function hook(script: string): { readonly command: [string, ...string[]]; readonly timeoutSeconds: number } {
  return { command: ['/bin/sh', '-c', script], timeoutSeconds: 60 };
}
