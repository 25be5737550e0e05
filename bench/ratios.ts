import type { PeerName, Sample } from './contender.ts';
import { median } from './medians.ts';

/**
 * `work` and `inventory` leave out how long ours takes to start, which a running agent has behind it; of a peer all are
 * its wall time. `bytes` is the larger of what goes up and what comes down; of a peer what a line between the two servers carries.
 */
export type Measure = 'wall' | 'work' | 'inventory' | 'memory' | 'bytes' | 'bodies' | 'requests';

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

export function measured({ memory, stages, wall, wire, work }: Sample, measure: Measure): number | undefined {
  switch (measure) {
    case 'wall':
      return wall;
    case 'work':
      return work ?? wall;
    case 'inventory':
      return stages?.destinationInventory ?? wall;
    case 'memory':
      return memory;
    case 'bytes':
      return wire && (wire.link ?? Math.max(wire.up, wire.down ?? 0));
    case 'bodies':
      return wire?.bodies;
    case 'requests':
      return wire?.requests;
  }
}
