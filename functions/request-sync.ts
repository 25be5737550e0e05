import { tooFewApprovers } from '#core/approvers.ts';
import { encodeDocument, parseValue } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { createSyncId, SYNC_FORMAT, type SyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import type { Dependencies } from './dependencies.ts';
import { assertWrittenAt, findWritten } from './find-written.ts';

export type SyncWish = Omit<SyncRequest, 'format' | 'sync' | 'requestedAt'>;

type RequestDependencies = Pick<Dependencies, 'store' | 'now'> & {
  readonly executions: Executions;
  /** Five random hex digits. */
  readonly random: () => string;
};

/**
 * Writes down what is wanted and starts the workflow on it. BadInput for a rollback of what was never written, and for
 * what nobody could approve.
 */
export async function requestSync(
  { store, executions, now, random }: RequestDependencies,
  wish: SyncWish,
): Promise<SyncId> {
  if (wish.rollbackOf !== undefined) assertWrittenAt(await findWritten(store, wish.rollbackOf), wish.destinations);
  assertApprovable(wish);
  const requestedAt = now();
  const sync = createSyncId(requestedAt, random());
  const wanted = { ...wish, format: SYNC_FORMAT, sync, requestedAt: requestedAt.toISOString() };
  const request: SyncRequest = parseValue('sync request', syncRequestSchema, wanted);
  await store.create(keys.request(sync), encodeDocument(request));
  await executions.start(sync);
  return sync;
}

function assertApprovable({ policy, requestedBy }: SyncWish): void {
  const problem = policy.dryRun ? undefined : tooFewApprovers(policy, requestedBy);
  if (problem === undefined) return;
  throw new BadInput(
    `nobody could approve this: ${problem}. Let somebody else ask, or change approval.approvers or approval.required in the fleet file`,
  );
}
