import type { Contender, PeerName } from './contender.ts';
import { Casync } from './contenders/casync.ts';
import { HashingProgram } from './contenders/hashing.ts';
import { LockstepFleet } from './contenders/lockstep-fleet.ts';
import { LockstepPlan } from './contenders/lockstep-plan.ts';
import { LockstepScan } from './contenders/lockstep-scan.ts';
import { LockstepSweep } from './contenders/lockstep-sweep.ts';
import { LockstepSync } from './contenders/lockstep-sync.ts';
import { Restic } from './contenders/restic.ts';
import { Rsync } from './contenders/rsync.ts';
import { RsyncDaemon } from './contenders/rsync-daemon.ts';
import { findTwoVersions } from './fleet/software.ts';
import type { Release, Scale } from './fleet/trees.ts';
import type { Shape } from './lane.ts';
import type { Measure } from './ratios.ts';
import type { Step, Workspace } from './workspace.ts';

/** What ours should reach: at most this, or at most so many times what the peer takes. */
export interface Goal {
  readonly measure: Measure;
  readonly against?: PeerName;
  readonly atMost: number;
}

type Open = (workspace: Workspace) => Contender;

export interface Case {
  readonly name: string;
  /** The first one gives the case its ratio. A peer that none names is only there to be looked at, and runs once. */
  readonly goals: readonly Goal[];
  readonly ours: Open;
  readonly peers: Readonly<Partial<Record<PeerName, Open>>>;
  /** That it needs. */
  readonly trees: readonly Release[];
  /** About how long it takes beside the others: seconds at full scale to prepare it, and for each run. */
  readonly effort: { readonly prepare: number; readonly run: number };
  /** Every run of it would come to the same. */
  readonly once?: boolean;
  /** Why it cannot be measured at this scale or on this machine. */
  readonly whyNot?: (scale: Scale) => string | undefined;
}

const MEGABYTE = 1_000_000;

/** 100 Mbit/s each way, 30 ms there and back. */
const THIN_LINE: Shape = { bytesPerSecond: 12.5 * MEGABYTE, delayMilliseconds: 15 };

/** Every agent's; where both and the controller are one process, theirs together. */
const AGENT_MEMORY: Goal = { measure: 'agent memory', atMost: 200 * MEGABYTE };

/** One PUT for 4 MB, and five. */
const FEW_UPLOADS: Goal = { measure: 'uploads over', atMost: 5 };

export const CASES: readonly Case[] = [
  {
    name: 'scan',
    goals: [
      { measure: 'wall', against: 'openssl', atMost: 1 },
      { measure: 'work', against: 'openssl', atMost: 1 },
    ],
    ours: (workspace) => new LockstepScan(workspace, 'base'),
    peers: hashingPrograms('base'),
    trees: ['base'],
    effort: { prepare: 5, run: 6 },
  },
  {
    name: 'scan-many',
    goals: [
      { measure: 'wall', against: 'sha256sum', atMost: 0.6 },
      { measure: 'work', against: 'sha256sum', atMost: 0.6 },
    ],
    ours: (workspace) => new LockstepScan(workspace, 'many'),
    peers: hashingPrograms('many'),
    trees: ['many'],
    effort: { prepare: 35, run: 10 },
  },
  syncCase('noop', {
    step: { from: 'base', to: 'base' },
    goals: [
      { measure: 'wall', against: 'rsync-checksum', atMost: 1 },
      { measure: 'wall', atMost: 0.6 },
      { measure: 'work', atMost: 0.6 },
      { measure: 'bodies', atMost: 4000 },
      { measure: 'requests', atMost: 12 },
    ],
    peers: ['rsync', 'rsync-checksum', 'casync', 'restic'],
    effort: { prepare: 40, run: 5 },
  }),
  syncCase('noop-many', {
    step: { from: 'many', to: 'many' },
    goals: [
      { measure: 'wall', against: 'rsync', atMost: 0.9 },
      { measure: 'inventory', against: 'rsync', atMost: 0.9 },
    ],
    peers: ['rsync', 'rsync-checksum', 'restic'],
    effort: { prepare: 140, run: 5 },
  }),
  syncCase('delta', {
    step: { from: 'base', to: 'next' },
    goals: [
      { measure: 'wall', against: 'rsync-checksum', atMost: 3 },
      { measure: 'wall', against: 'casync', atMost: 0.2 },
      { measure: 'wall', against: 'restic', atMost: 0.8 },
    ],
    peers: ['rsync', 'rsync-checksum', 'casync', 'restic'],
    effort: { prepare: 50, run: 50 },
  }),
  syncCase('delta-bytes', {
    step: { from: 'base', to: 'next' },
    goals: [
      { measure: 'bytes', against: 'rsync', atMost: 0.85 },
      { measure: 'bytes', against: 'casync', atMost: 0.5 },
      { measure: 'bytes', against: 'rsync-zstd', atMost: 0.9 },
      { measure: 'requests', atMost: 100 },
      FEW_UPLOADS,
    ],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
    effort: { prepare: 50, run: 50 },
    once: true,
  }),
  syncCase('behind-bytes', {
    step: { from: 'base', through: ['next', 'next2', 'next3'], to: 'next3' },
    goals: [{ measure: 'bytes down', against: 'rsync', atMost: 1.2 }],
    peers: ['rsync', 'rsync-zstd'],
    effort: { prepare: 80, run: 15 },
    once: true,
  }),
  syncCase('full', {
    step: { from: undefined, to: 'base' },
    goals: [{ measure: 'wall', against: 'restic', atMost: 1 }, FEW_UPLOADS],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
    effort: { prepare: 5, run: 45 },
  }),
  syncCase('full-many', {
    step: { from: undefined, to: 'many' },
    goals: [{ measure: 'wall', against: 'rsync', atMost: 1 }, FEW_UPLOADS],
    peers: ['rsync', 'casync', 'restic'],
    effort: { prepare: 60, run: 80 },
  }),
  syncCase('many-delta-bytes', {
    step: { from: 'many', to: 'many-next' },
    goals: [
      { measure: 'bytes', against: 'rsync', atMost: 0.5 },
      { measure: 'bytes', against: 'casync', atMost: 0.5 },
    ],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
    effort: { prepare: 200, run: 80 },
    once: true,
  }),
  {
    name: 'link',
    goals: [{ measure: 'wall', against: 'rsync-zstd', atMost: 2 }],
    ours: (workspace) => new LockstepSync(workspace, { from: 'base', to: 'next' }, THIN_LINE),
    peers: { 'rsync-zstd': (workspace) => new RsyncDaemon(workspace, { from: 'base', to: 'next' }, THIN_LINE) },
    trees: ['base', 'next'],
    effort: { prepare: 25, run: 15 },
  },
  {
    name: 'plan-1m',
    goals: [
      { measure: 'wall', atMost: 1.5 },
      { measure: 'work', atMost: 1.5 },
      { measure: 'memory', atMost: 250 * MEGABYTE },
    ],
    ours: (workspace) => new LockstepPlan(workspace),
    peers: {},
    trees: [],
    effort: { prepare: 15, run: 3 },
  },
  agentsCase('agents-delta', { from: 'base', to: 'next' }, { prepare: 25, run: 15 }),
  agentsCase('agents-full', { from: undefined, to: 'base' }, { prepare: 10, run: 20 }),
  {
    ...agentsCase('agents-large', { from: undefined, to: 'large' }, { prepare: 30, run: 90 }),
    once: true,
  },
  {
    ...agentsCase('agents-large-delta', { from: 'large', to: 'large-next' }, { prepare: 120, run: 40 }),
    once: true,
  },
  workloadCase('workload-sqlite', { from: 'sqlite', to: 'sqlite-updated' }),
  workloadCase('workload-vacuum', { from: 'sqlite-updated', to: 'sqlite-vacuumed' }),
  workloadCase('workload-shrink', { from: 'shrink', to: 'shrink-next' }),
  {
    ...workloadCase('workload-swap', { from: 'swap', to: 'swap-next' }),
    goals: [
      { measure: 'bytes', against: 'rsync', atMost: 1 },
      { measure: 'packs', atMost: 0 },
    ],
  },
  {
    ...workloadCase('workload-software', { from: 'software', to: 'software-next' }),
    whyNot: () => (findTwoVersions().length > 0 ? undefined : 'no package is installed here in two versions'),
  },
  {
    name: 'sweep',
    goals: [],
    ours: (workspace) => new LockstepSweep(workspace),
    peers: {},
    trees: ['base', 'next'],
    effort: { prepare: 5, run: 45 },
    once: true,
  },
];

interface SyncCase extends Pick<Case, 'goals' | 'effort' | 'once'> {
  readonly step: Step;
  readonly peers: readonly SyncPeer[];
}

type SyncPeer = Exclude<PeerName, 'openssl' | 'sha256sum'>;

function syncCase(name: string, { peers, step, ...rest }: SyncCase): Case {
  return {
    name,
    ...rest,
    ours: (workspace) => new LockstepSync(workspace, step),
    peers: Object.fromEntries(peers.map((peer) => [peer, (workspace: Workspace) => syncPeer(peer, workspace, step)])),
    trees: treesOf(step),
  };
}

function agentsCase(name: string, step: Step, effort: Case['effort']): Case {
  const isLarge = treesOf(step).includes('large');
  return {
    name,
    goals: [AGENT_MEMORY],
    ours: (workspace) => new LockstepFleet(workspace, step),
    peers: {},
    trees: treesOf(step),
    effort,
    ...(isLarge && {
      whyNot: (scale: Scale) => (scale === 'full' ? undefined : 'the file of 5 GB is for full scale'),
    }),
  };
}

function workloadCase(name: string, step: Step): Case {
  return syncCase(name, {
    step,
    goals: [{ measure: 'bytes', against: 'rsync', atMost: 1 }],
    peers: ['rsync', 'rsync-zstd'],
    effort: { prepare: 8, run: 4 },
    once: true,
  });
}

function treesOf({ from, through = [], to }: Step): Release[] {
  return [...new Set([...(from === undefined ? [] : [from]), ...through, to])];
}

function syncPeer(peer: SyncPeer, workspace: Workspace, step: Step): Contender {
  switch (peer) {
    case 'rsync':
    case 'rsync-checksum':
    case 'rsync-zstd':
      return new Rsync(workspace, step, peer);
    case 'casync':
      return new Casync(workspace, step);
    case 'restic':
      return new Restic(workspace, step);
  }
}

function hashingPrograms(release: Release): Case['peers'] {
  return {
    openssl: (workspace) => new HashingProgram(workspace, release, 'openssl dgst -sha256'),
    sha256sum: (workspace) => new HashingProgram(workspace, release, 'sha256sum'),
  };
}
