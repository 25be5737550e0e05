import type { Case, Goal } from './cases.ts';
import type { Contender, PeerName, Sample } from './contender.ts';
import { type Summary, summarise } from './medians.ts';
import { measured, type Ratio, ratioOf } from './ratios.ts';
import type { Workspace } from './workspace.ts';

export interface CaseResult {
  readonly name: string;
  readonly ours: Summary;
  readonly peers: Readonly<Partial<Record<PeerName, Summary>>>;
  /** Ours by the peer's that the case is about; null where there is none, or it is not installed. */
  readonly ratio: number | null;
  readonly ratios: readonly Ratio[];
  readonly goals: readonly GoalResult[];
}

export interface GoalResult extends Goal {
  /** A ratio where the goal is against a peer; null where it could not be measured. */
  readonly reached: number | null;
}

export interface CaseOptions {
  readonly workspace: Workspace;
  readonly runs: number;
  readonly isInstalled: (peer: PeerName) => boolean;
  readonly say: (line: string) => void;
  /** So much of the case's effort is behind us. */
  readonly advance: (effort: number) => void;
}

function runsOf({ once }: Case, runs: number): number {
  return once === true ? 1 : runs;
}

/** In the seconds of its effort. */
export function effortOf(wanted: Case, runs: number): number {
  return wanted.effort.prepare + wanted.effort.run * runsOf(wanted, runs);
}

/**
 * Ours and the peers by turns, so that what else the machine does meets all of them alike. A peer that no goal is
 * about has its turn in the first run only.
 */
export async function runCase(
  wanted: Case,
  { advance, isInstalled, runs: most, say, workspace }: CaseOptions,
): Promise<CaseResult> {
  const runs = runsOf(wanted, most);
  const compared = new Set(['ours', ...wanted.goals.map(({ against }) => against)]);
  const peers = (Object.keys(wanted.peers) as PeerName[]).filter(isInstalled);
  const contenders = new Map<'ours' | PeerName, Contender>();
  const samples = new Map<'ours' | PeerName, Sample[]>();
  try {
    for (const name of ['ours', ...peers] as const) {
      const open = name === 'ours' ? wanted.ours : wanted.peers[name];
      const contender = open?.(workspace);
      if (contender === undefined) continue;
      contenders.set(name, contender);
      say(`${wanted.name}: ${name} is being prepared`);
      await contender.prepare();
    }
    advance(wanted.effort.prepare);
    for (let run = 1; run <= runs; run++) {
      const turns = [...contenders].filter(([name]) => run === 1 || compared.has(name));
      for (const [name, contender] of turns) {
        await contender.reset();
        await workspace.settle();
        const sample = await contender.run();
        advance(wanted.effort.run / turns.length);
        samples.set(name, [...(samples.get(name) ?? []), sample]);
        say(`${wanted.name}: run ${run} of ${runs}, ${name}: ${sample.wall.toFixed(2)} s`);
      }
    }
  } finally {
    for (const contender of contenders.values()) await contender.dispose?.();
  }
  return judge(wanted, peers, (name) => samples.get(name) ?? []);
}

function judge(
  { goals, name }: Case,
  peers: readonly PeerName[],
  samplesOf: (name: 'ours' | PeerName) => readonly Sample[],
): CaseResult {
  const ours = samplesOf('ours');
  const summary = summarise(ours);
  const judged = goals.map((goal): GoalResult => {
    const { against, measure } = goal;
    const reached = against === undefined ? measured(summary, measure) : ratioOf(ours, samplesOf(against), measure);
    return { ...goal, reached: reached ?? null };
  });
  const [first] = judged;
  return {
    name,
    ours: summary,
    peers: Object.fromEntries(peers.map((peer) => [peer, summarise(samplesOf(peer))])),
    ratio: first?.against === undefined ? null : first.reached,
    ratios: peers.flatMap((against) =>
      (['wall', 'work', 'memory', 'bytes', 'bytes down'] as const).flatMap((measure) => {
        const ratio = ratioOf(ours, samplesOf(against), measure);
        return ratio === undefined ? [] : [{ measure, against, ratio }];
      }),
    ),
    goals: judged,
  };
}
