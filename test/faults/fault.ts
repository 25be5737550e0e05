/** What one call of the file system meets. `for good`: so does every later call of that name on that path. */
export const FAULTS = [
  'kill before',
  'kill after',
  'kill halfway',
  'EIO',
  'ENOSPC',
  'EPERM',
  'EBUSY',
  'EPERM for good',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface PlacedFault {
  readonly fault: Fault;
  /** Counted from one. */
  readonly call: number;
}

export interface Call {
  readonly number: number;
  /** As the function is called: `renameSync`, `open`, `handle.sync`. */
  readonly name: string;
  /** Below the server's folder, which holds the agent's `root` and its `state`. */
  readonly path: string;
  readonly step: string;
}

export function isKill(fault: Fault): boolean {
  return fault.startsWith('kill');
}

/** Calls that can be cut off with a part of their effect on the disk. */
export const HALVABLE: ReadonlySet<string> = new Set([
  'copyFileSync',
  'handle.write',
  'rmSync',
  'writeFile',
  'writeFileSync',
  'writeSync',
]);
