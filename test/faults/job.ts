import type { Served } from './agent-of-world.ts';
import type { PlacedFault } from './fault.ts';

/** One life of an agent: counted, with a fault, or with neither. */
export interface Job {
  readonly what: 'count' | PlacedFault | undefined;
}

export interface Done extends Served {
  readonly calls: number;
}

/** Where a process that does one job leaves what came of it. */
export const DONE_FILE = 'done.json';
