import { type Call, FAULTS, HALVABLE, type PlacedFault } from './fault.ts';
import type { Lane, Trial } from './lane.ts';
import type { Stage } from './scenarios.ts';

/** Every fault at every call, or every so manieth of these. */
export function placesOf(calls: readonly Call[], every: number, first: number): PlacedFault[] {
  const all = calls.flatMap((call) =>
    FAULTS.flatMap((fault) =>
      fault === 'kill halfway' && !HALVABLE.has(call.name) ? [] : [{ fault, call: call.number }],
    ),
  );
  return all.filter((_, index) => (index + first) % every === 0);
}

export interface Trying {
  readonly stage: Stage;
  readonly lanes: readonly Lane[];
  readonly places: readonly PlacedFault[];
  readonly signal: AbortSignal;
  readonly onTrial: (trial: Trial) => void;
}

/** Each lane takes the next place when it is done with one. */
export async function tryAll({ lanes, onTrial, places, signal, stage }: Trying): Promise<void> {
  const waiting = places.values();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const placed of waiting) {
        if (signal.aborted) return;
        onTrial(await lane.try(stage.prepared, placed, stage.bounds));
      }
    }),
  );
}
