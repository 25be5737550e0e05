import { type Call, isKill, type PlacedFault } from './fault.ts';
import type { Done, Job } from './job.ts';
import { type Bounds, type Judgement, judge, judgeMoment, standOf } from './judge.ts';
import type { World } from './world.ts';

export interface Trial extends Judgement {
  readonly placed: PlacedFault;
  /** What the fault was met by; `undefined` when the run had fewer calls. */
  readonly hit: Call | undefined;
  readonly events: readonly string[];
}

/** A process that is the world's agent for one job after the other. */
export interface FaultyAgent {
  /** `died`: before it was done. A new process does the next job then. */
  run(job: Job): Promise<Done | 'died' | 'hung'>;
}

/** One world and its agent; trials go through it one after the other. */
export class Lane {
  readonly world: World;
  readonly #agent: FaultyAgent;

  constructor(world: World, agent: FaultyAgent) {
    this.world = world;
    this.#agent = agent;
  }

  /** Without a fault: the calls that there are, and what the world is before and, if nobody knows it, then. */
  async count(prepared: World, known?: Bounds): Promise<{ readonly calls: readonly Call[]; readonly bounds: Bounds }> {
    this.#begin(prepared);
    const old = standOf(this.world);
    const done = await this.#agent.run({ what: 'count' });
    const bounds = known ?? { old, new: standOf(this.world) };
    const { isUnproved, wrongs } = await judge(this.world, bounds, []);
    if (isUnproved || wrongs.length > 0)
      throw new Error(`without a fault: ${wrongs.join('; ')}: ${JSON.stringify(done)}`);
    return { calls: this.world.calls, bounds };
  }

  async try(prepared: World, placed: PlacedFault, bounds: Bounds): Promise<Trial> {
    this.#begin(prepared);
    const first = await this.#agent.run({ what: placed });
    const moment = isKill(placed.fault) ? judgeMoment(this.world, bounds) : [];
    const second = await this.#agent.run({ what: undefined });
    const events = [first, second].flatMap((done) => (typeof done === 'object' ? done.events : [`(${done})`]));
    const judgement = await judge(this.world, bounds, events);
    const wrongs = [...moment, ...endingOf(placed, first), ...endingOf(undefined, second), ...judgement.wrongs];
    return { ...judgement, wrongs, placed, hit: this.world.hit, events };
  }

  /** Leaves the world as the kill does. */
  async kill(prepared: World, placed: PlacedFault): Promise<void> {
    this.#begin(prepared);
    await this.#agent.run({ what: placed });
    if (this.world.hit === undefined) throw new Error(`${placed.fault} call ${placed.call}: there was no such call`);
  }

  #begin(prepared: World): void {
    this.world.copyFrom(prepared);
    this.world.forgetCalls();
  }
}

function endingOf(placed: PlacedFault | undefined, done: Done | 'died' | 'hung'): string[] {
  const during = placed === undefined ? 'after the restart' : 'with the fault';
  if (done === 'hung') return [`the agent hung ${during}`];
  if (done === 'died') return placed !== undefined && isKill(placed.fault) ? [] : [`the agent died ${during}`];
  return placed === undefined && done.problem !== undefined ? [`the agent gave up ${during}: ${done.problem}`] : [];
}
