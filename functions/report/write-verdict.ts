import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import {
  type DestinationVerdict,
  type Ending,
  exitStatus,
  judgeSync,
  type SyncVerdict,
  syncVerdictSchema,
  VERDICT_FORMAT,
} from '#core/verdict.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadPlan, loadRequest } from '../sync-documents.ts';
import { withdrawOrders } from '../withdraw-orders.ts';
import { judgeDestination, notAttempted } from './judge-destination.ts';
import { verdictMail } from './verdict-mail.ts';

export interface SyncEnded {
  readonly sync: SyncId;
  readonly ending: Ending;
  /** As a `Catch` gives it. */
  readonly error?: { readonly Error: string; readonly Cause?: string | undefined } | undefined;
}

/** Writes the one verdict of a sync and tells those who were asked to approve it. */
export async function writeVerdict(
  dependencies: Pick<Dependencies, 'store' | 'signer' | 'notifier' | 'now'>,
  { sync, ending, error }: SyncEnded,
): Promise<{ readonly endedWell: boolean }> {
  const { store, signer, notifier, now } = dependencies;
  const request = await loadRequest(store, sync);
  const earlier = await findVerdict(store, sync);
  if (earlier !== undefined) return { endedWell: exitStatus(earlier) === 0 };
  await withdrawOrders(dependencies, request);
  const plan = await loadPlan(store, sync, signer.publicKey);
  const destinations = await judgeAll(dependencies, request, plan);
  const verdict: SyncVerdict = {
    format: VERDICT_FORMAT,
    sync,
    verdict: judgeSync(ending, destinations, request.policy.dryRun),
    ...explain(ending, error, destinations),
    plan: plan?.digest ?? null,
    mode: request.policy.mode,
    source: plan === undefined ? unknownSource(request) : sourceOf(plan),
    destinations,
    startedAt: request.requestedAt,
    finishedAt: now().toISOString(),
  };
  if (await wereAsked(store, request)) await notifier.send(verdictMail(verdict, request.notify));
  await createOnce(store, keys.verdict(sync), verdict);
  return { endedWell: exitStatus(verdict) === 0 };
}

export async function findVerdict(store: Dependencies['store'], sync: SyncId): Promise<SyncVerdict | undefined> {
  const stored = await store.get(keys.verdict(sync));
  return stored === undefined ? undefined : parseDocument(keys.verdict(sync), syncVerdictSchema, stored.body);
}

/** Who was not asked to approve is not told how it ended. */
async function wereAsked(store: Dependencies['store'], request: SyncRequest): Promise<boolean> {
  return request.notify.length > 0 && (await store.head(keys.approvalRequested(request.sync))) !== undefined;
}

async function judgeAll(
  dependencies: Pick<Dependencies, 'store'>,
  request: SyncRequest,
  plan: Plan | undefined,
): Promise<DestinationVerdict[]> {
  if (plan === undefined) return request.destinations.map(notAttempted);
  const verdicts: DestinationVerdict[] = [];
  for (const server of request.destinations) verdicts.push(await judgeDestination(dependencies, { plan, server }));
  return verdicts;
}

function explain(
  ending: Ending,
  error: SyncEnded['error'],
  destinations: readonly DestinationVerdict[],
): { reason?: string; detail?: string } {
  if (error !== undefined && ending !== 'expired')
    return { reason: error.Error.slice(0, 40), ...(error.Cause && { detail: error.Cause.slice(0, 4000) }) };
  if (ending === 'expired') return { reason: 'ApprovalExpired', detail: 'nobody decided before the plan expired' };
  const bad = destinations.find(({ reason }) => reason !== undefined);
  return bad?.reason === undefined
    ? {}
    : { reason: bad.reason, ...(bad.detail && { detail: `${bad.server}: ${bad.detail}`.slice(0, 4000) }) };
}

function unknownSource(request: SyncRequest): SyncVerdict['source'] {
  return { server: request.source, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 };
}

function sourceOf({ source }: Plan): SyncVerdict['source'] {
  const { server, manifest, artifacts, bytes, bytesUploaded } = source;
  return { server, manifest, artifacts, bytes, bytesUploaded };
}
