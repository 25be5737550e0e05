import type { TrafficReport } from './traffic-meter.ts';

/** Ours, and the programs that we are measured against, by the names in the results. */
export type PeerName = 'openssl' | 'sha256sum' | 'rsync' | 'rsync-checksum' | 'rsync-zstd' | 'casync' | 'restic';

export interface Wire {
  /** Bytes from the servers towards the store, or from rsync's sender to its receiver. */
  readonly up: number;
  /** The other way; unknown where a peer does not say. */
  readonly down?: number;
  /** Of a peer: what a line between source and destination carries in all; see docs/performance.md. */
  readonly link?: number;
  readonly requests?: number;
  /** Without the allowance for headers. */
  readonly bodies?: number;
  readonly parties?: Readonly<Record<string, TrafficReport>>;
}

/** Seconds. The two inventories are at the same time. */
export interface Stages {
  readonly sourceInventory?: number;
  readonly destinationInventory?: number;
  readonly apply?: number;
}

/** What one run came to. */
export interface Sample {
  /** Seconds, from the start of the process to its end. */
  readonly wall: number;
  /** Of these, seconds of the work itself, without loading the program; for ours only. */
  readonly work?: number;
  /** Of these again: seconds that each server says in its receipts that it was at work; for our syncs only. */
  readonly stages?: Stages;
  /** Seconds of processor time. */
  readonly cpu?: number;
  /** Bytes, the peak of the whole process tree. */
  readonly memory?: number;
  readonly wire?: Wire;
}

/** One way to do the work of a case. */
export interface Contender {
  /** Before the first run; not measured. */
  prepare(): Promise<void>;
  /** Before each run; not measured. */
  reset(): Promise<void>;
  run(): Promise<Sample>;
  /** After the last run, also a failed one. */
  dispose?(): Promise<void>;
}
