import type { SyncId } from '../sync.ts';

/** The workflow engine's side of waiting: Step Functions, or the embedded engine. Throws TaskTokenGone. */
export interface TaskTokens {
  succeed(token: string, output: unknown): Promise<void>;
  fail(token: string, error: { readonly name: string; readonly message: string }): Promise<void>;
  heartbeat(token: string): Promise<void>;
}

/** Starting the workflow once per sync; a second start of the same sync changes nothing. */
export interface Executions {
  start(sync: SyncId): Promise<void>;
}
