import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { PlanResult, PlanTask } from '#bench/children/plan.ts';
import type { PreparePlanTask } from '#bench/children/prepare-plan.ts';
import { type Ended, runProgram } from '#bench/run-program.ts';
import { syncIdSchema } from '#core/sync.ts';

/** One call of the plan function over manifests of this many artifacts. */
export interface MeasuredPlan {
  readonly artifacts: number;
  readonly destinations: number;
  /** Of the function, without the start of the process. */
  readonly seconds: number;
  /** Of processor time, with the start of the process. */
  readonly cpuSeconds: number;
  /** Of the process, at its largest. */
  readonly memory: number;
}

/** In a process with no more heap than Node has in a Lambda function of 2 GB. */
export async function measurePlan(
  { artifacts, destinations }: Pick<MeasuredPlan, 'artifacts' | 'destinations'>,
  signal: AbortSignal,
): Promise<MeasuredPlan> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-plan-'));
  const task: PlanTask = { store: join(folder, 'store'), state: join(folder, 'state'), sync: SYNC };
  mkdirSync(task.state);
  try {
    const preparation: PreparePlanTask = { ...task, entries: artifacts, destinations };
    await runChild('prepare-plan', preparation, { flags: [], signal });
    const { cpu = 0, memory = 0, stdout } = await runChild('plan', task, { flags: [HEAP], signal });
    const { work } = JSON.parse(stdout) as PlanResult;
    return { artifacts, destinations, seconds: work, cpuSeconds: cpu, memory };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Running {
  readonly flags: readonly string[];
  readonly signal: AbortSignal;
}

function runChild(child: string, task: unknown, { flags, signal }: Running): Promise<Ended> {
  const script = resolve(import.meta.dirname, `../bench/children/${child}.ts`);
  return runProgram({ file: process.execPath, args: [...flags, script, JSON.stringify(task)] }, signal);
}

/** Nine tenths of 2 GB, in MB. */
const HEAP = '--max-old-space-size=1843';
const SYNC = syncIdSchema.parse('20260102T030405Z-0a1b2c3d');
