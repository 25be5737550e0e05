import type { PeerName, Sample } from './contender.ts';
import { median } from './medians.ts';

/**
 * `work` and `inventory` leave out how long ours takes to start, which a running agent has behind it; of a peer all are
 * its wall time. `agent memory` is the larger of the two agents' peaks. `bytes` is the larger of what goes up and what
 * comes down; of a peer what a line between the two servers carries. `uploads over` are those beyond one for 4 MB.
 */
export type Measure =
  | 'wall'
  | 'work'
  | 'inventory'
  | 'memory'
  | 'agent memory'
  | 'bytes'
  | 'bytes down'
  | 'bodies'
  | 'packs'
  | 'requests'
  | 'uploads over';

export interface Ratio {
  readonly measure: Measure;
  readonly against: PeerName;
  /** Ours by theirs; the median over the runs, each run by its own pair. */
  readonly ratio: number;
}

export function ratioOf(ours: readonly Sample[], theirs: readonly Sample[], measure: Measure): number | undefined {
  const ratios = ours.map((sample, run) => {
    const [own, other] = [measured(sample, measure), theirs[run] && measured(theirs[run], measure)];
    return own === undefined || other === undefined || other === 0 ? undefined : own / other;
  });
  return median(ratios.filter((ratio) => ratio !== undefined));
}

export function measured(
  { memory, processes, stages, wall, wire, work }: Sample,
  measure: Measure,
): number | undefined {
  switch (measure) {
    case 'wall':
      return wall;
    case 'work':
      return work ?? wall;
    case 'inventory':
      return stages?.destinationInventory ?? wall;
    case 'memory':
      return memory;
    case 'agent memory':
      return processes && Math.max(processes.source.memory, processes.destination.memory);
    case 'bytes':
      return wire && (wire.link ?? Math.max(wire.up, wire.down ?? 0));
    case 'bytes down':
      return wire && (wire.link ?? wire.down);
    case 'packs':
      return wire?.packs;
    case 'uploads over':
      return wire?.uploads === undefined
        ? undefined
        : Math.max(0, wire.uploads - Math.floor((wire.uploaded ?? 0) / 4e6));
    case 'bodies':
      return wire?.bodies;
    case 'requests':
      return wire?.requests;
  }
}
