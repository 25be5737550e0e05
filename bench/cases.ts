import type { Contender, PeerName } from './contender.ts';
import { Casync } from './contenders/casync.ts';
import { HashingProgram } from './contenders/hashing.ts';
import { LockstepPlan } from './contenders/lockstep-plan.ts';
import { LockstepScan } from './contenders/lockstep-scan.ts';
import { LockstepSync } from './contenders/lockstep-sync.ts';
import { Restic } from './contenders/restic.ts';
import { Rsync } from './contenders/rsync.ts';
import { RsyncDaemon } from './contenders/rsync-daemon.ts';
import type { Release } from './fleet/trees.ts';
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
  /** The first one gives the case its ratio. */
  readonly goals: readonly [Goal, ...Goal[]];
  readonly ours: Open;
  readonly peers: Readonly<Partial<Record<PeerName, Open>>>;
}

const MEGABYTE = 1_000_000;

/** 100 Mbit/s each way, 30 ms there and back. */
const THIN_LINE: Shape = { bytesPerSecond: 12.5 * MEGABYTE, delayMilliseconds: 15 };

const AGENT_MEMORY: Goal = { measure: 'memory', atMost: 200 * MEGABYTE };

export const CASES: readonly Case[] = [
  {
    name: 'scan',
    goals: [
      { measure: 'wall', against: 'openssl', atMost: 1 },
      { measure: 'work', against: 'openssl', atMost: 1 },
    ],
    ours: (workspace) => new LockstepScan(workspace, 'base'),
    peers: hashingPrograms('base'),
  },
  {
    name: 'scan-many',
    goals: [
      { measure: 'wall', against: 'sha256sum', atMost: 0.6 },
      { measure: 'work', against: 'sha256sum', atMost: 0.6 },
    ],
    ours: (workspace) => new LockstepScan(workspace, 'many'),
    peers: hashingPrograms('many'),
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
  }),
  syncCase('noop-many', {
    step: { from: 'many', to: 'many' },
    goals: [
      { measure: 'wall', against: 'rsync', atMost: 0.9 },
      { measure: 'inventory', against: 'rsync', atMost: 0.9 },
    ],
    peers: ['rsync', 'rsync-checksum', 'restic'],
  }),
  syncCase('delta', {
    step: { from: 'base', to: 'next' },
    goals: [
      { measure: 'wall', against: 'rsync-checksum', atMost: 3 },
      { measure: 'wall', against: 'casync', atMost: 0.2 },
      { measure: 'wall', against: 'restic', atMost: 0.8 },
      AGENT_MEMORY,
    ],
    peers: ['rsync', 'rsync-checksum', 'casync', 'restic'],
  }),
  syncCase('delta-bytes', {
    step: { from: 'base', to: 'next' },
    goals: [
      { measure: 'bytes', against: 'rsync', atMost: 0.85 },
      { measure: 'bytes', against: 'casync', atMost: 0.5 },
      { measure: 'bytes', against: 'rsync-zstd', atMost: 0.9 },
      { measure: 'requests', atMost: 100 },
    ],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
  }),
  syncCase('full', {
    step: { from: undefined, to: 'base' },
    goals: [{ measure: 'wall', against: 'restic', atMost: 1 }, AGENT_MEMORY],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
  }),
  syncCase('full-many', {
    step: { from: undefined, to: 'many' },
    goals: [{ measure: 'wall', against: 'rsync', atMost: 1 }, AGENT_MEMORY],
    peers: ['rsync', 'casync', 'restic'],
  }),
  syncCase('many-delta-bytes', {
    step: { from: 'many', to: 'many-next' },
    goals: [
      { measure: 'bytes', against: 'rsync', atMost: 0.5 },
      { measure: 'bytes', against: 'casync', atMost: 0.5 },
    ],
    peers: ['rsync', 'rsync-zstd', 'casync', 'restic'],
  }),
  {
    name: 'link',
    goals: [{ measure: 'wall', against: 'rsync-zstd', atMost: 2 }],
    ours: (workspace) => new LockstepSync(workspace, { from: 'base', to: 'next' }, THIN_LINE),
    peers: { 'rsync-zstd': (workspace) => new RsyncDaemon(workspace, { from: 'base', to: 'next' }, THIN_LINE) },
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
  },
];

interface SyncCase {
  readonly step: Step;
  readonly goals: Case['goals'];
  readonly peers: readonly SyncPeer[];
}

type SyncPeer = Exclude<PeerName, 'openssl' | 'sha256sum'>;

function syncCase(name: string, { goals, peers, step }: SyncCase): Case {
  return {
    name,
    goals,
    ours: (workspace) => new LockstepSync(workspace, step),
    peers: Object.fromEntries(peers.map((peer) => [peer, (workspace: Workspace) => syncPeer(peer, workspace, step)])),
  };
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
