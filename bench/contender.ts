import type { SweepRow } from './children/sweep.ts';
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
  /** Requests that write. */
  readonly puts?: number;
  /** Those of them that bring content: packs, indexes, snapshots and manifests; and the bytes of their bodies. */
  readonly uploads?: number;
  readonly uploaded?: number;
  /** Without the allowance for headers. */
  readonly bodies?: number;
  /** Those of packs alone, up and down. */
  readonly packs?: number;
  readonly parties?: Readonly<Record<string, TrafficReport>>;
}

/** Seconds. The two inventories are at the same time. */
export interface Stages {
  readonly sourceInventory?: number;
  readonly destinationInventory?: number;
  readonly apply?: number;
}

/** Of one process of ours among several. */
export interface Usage {
  /** Bytes, the peak. */
  readonly memory: number;
  /** Seconds of processor time. */
  readonly cpu: number;
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
  /** Where every part of ours is a process of its own. */
  readonly processes?: Readonly<Record<'source' | 'destination' | 'controller', Usage>>;
  readonly sweep?: readonly SweepRow[];
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
