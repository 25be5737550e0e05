import type { Sha256 } from '#core/digest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ArtifactClass } from '#core/profile.ts';
import type { AgentDependencies } from './agent.ts';
import type { StatIndex } from './stat-index.ts';
import type { AgentState } from './state.ts';

/** What every step of the agent may use. */
export interface AgentContext
  extends Omit<AgentDependencies, 'progressMilliseconds' | 'readBackMilliseconds' | 'statusMilliseconds'> {
  /** Patient: its calls outlast a short outage. */
  readonly store: ObjectStore;
  /** The same without patience, for what is not worth a wait. */
  readonly impatientStore: ObjectStore;
  readonly state: AgentState;
  /** What scans of this root need not read again. */
  readonly statIndex: StatIndex;
  readonly profileDigest: Sha256;
  readonly classify: (path: string) => ArtifactClass;
  readonly progressMilliseconds: number;
  readonly statusMilliseconds: number;
  readonly readBackMilliseconds: number;
}

/** What putting a tree right takes: no store. */
export type RecoveryContext = Pick<
  AgentContext,
  | 'hookEnvironment'
  | 'hooks'
  | 'keepPreImages'
  | 'log'
  | 'now'
  | 'profile'
  | 'root'
  | 'server'
  | 'signer'
  | 'stateFolder'
  | 'statIndex'
  | 'state'
  | 'workers'
>;
