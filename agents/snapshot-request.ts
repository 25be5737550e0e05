import type { ObjectStore } from '#core/ports/object-store.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SnapshotRequest {
  readonly store: ObjectStore;
  readonly root: string;
  readonly stateFolder: string;
  readonly workers: WorkerPool;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  /**
   * Throws once nobody waits for the snapshot any more. Only until then is nothing removed from the store that was found
   * there: docs/design.md, Prune.
   */
  readonly assertAwaited: () => Promise<void>;
  /** Content looked at so far, of what the store lacked. */
  readonly onProgress?: ((done: { readonly files: number; readonly bytes: number }) => void) | undefined;
  readonly onPlan?: ((total: { readonly files: number; readonly bytes: number }) => void) | undefined;
}
