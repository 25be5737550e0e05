import * as z from 'zod';
import { parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { ServerId } from '#core/server.ts';
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
import { updateBaseline } from '../baseline.ts';
import { type CountedEvents, tell } from '../counted-events.ts';
import type { Dependencies } from '../dependencies.ts';
import { wasOrderIssued } from '../issue-order.ts';
import { lookAtAll, MANIFESTS_AT_ONCE, PARTS_AT_ONCE } from '../look-at-all.ts';
import { createOnce, loadPlan, loadReceipt, loadRequest } from '../sync-documents.ts';
import { judgeVerification } from '../verification/judge-verification.ts';
import { withdrawOrders } from '../withdraw-orders.ts';
import { judgeDestination, notAttempted } from './judge-destination.ts';
import { verdictMail } from './verdict-mail.ts';

export interface SyncEnded {
  readonly sync: SyncId;
  readonly ending: Ending;
  /** As a `Catch` gives it. */
  readonly error?: { readonly Error: string; readonly Cause?: string | null | undefined } | undefined;
}

type VerdictDependencies = Pick<Dependencies, 'store' | 'signer' | 'notifier' | 'consoleUrl' | 'now' | 'log'>;

/** Writes the one verdict of a sync and tells those who were asked to approve it. */
export async function writeVerdict(
  dependencies: VerdictDependencies,
  { sync, ending, error }: SyncEnded,
): Promise<{ readonly endedWell: boolean }> {
  const { store, now, log } = dependencies;
  const request = await loadRequest(store, sync);
  const earlier = await findVerdict(store, sync);
  if (earlier !== undefined) return { endedWell: exitStatus(earlier) === 0 };
  await withdrawOrders(dependencies, request);
  const plan = await findValidPlan(dependencies, sync);
  const destinations =
    request.policy.verify === true
      ? await verifyAll(dependencies, request)
      : await judgeAll(dependencies, request, plan);
  const verdict: SyncVerdict = {
    format: VERDICT_FORMAT,
    sync,
    verdict: judgeSync(ending, destinations, request.policy.dryRun),
    ...((await findSourceRefusal(store, request)) ?? explain(ending, error, destinations)),
    plan: plan?.digest ?? null,
    mode: request.policy.mode,
    ...(request.rollbackOf && { rollbackOf: request.rollbackOf }),
    source: plan === undefined ? unknownSource(request) : sourceOf(plan),
    destinations,
    startedAt: request.requestedAt,
    finishedAt: now().toISOString(),
  };
  await rememberWhatIsLeft(store, plan, destinations);
  await tellApprovers(dependencies, request, verdict);
  if (await createOnce(store, keys.verdict(sync), verdict)) tell(log, 'sync-ended', tellingOf(verdict));
  // Another attempt may have been first; what counts is what is there.
  const written = (await findVerdict(store, sync)) ?? verdict;
  return { endedWell: exitStatus(written) === 0 };
}

function tellingOf({ destinations, source, sync, verdict }: SyncVerdict): CountedEvents['sync-ended'] {
  const alike = Object.groupBy(destinations, (destination) => destination.verdict);
  return {
    sync,
    verdict,
    destinations: Object.fromEntries(Object.entries(alike).map(([name, all]) => [name, all.length])),
    bytes: destinations.reduce((sum, { bytesFetched }) => sum + bytesFetched, source.bytesUploaded),
  };
}

export async function findVerdict(store: Dependencies['store'], sync: SyncId): Promise<SyncVerdict | undefined> {
  const stored = await store.get(keys.verdict(sync));
  return stored === undefined ? undefined : parseDocument(keys.verdict(sync), syncVerdictSchema, stored.body);
}

/** Before the verdict, for behind it nobody comes here again. */
async function rememberWhatIsLeft(
  store: Dependencies['store'],
  plan: Plan | undefined,
  destinations: readonly DestinationVerdict[],
): Promise<void> {
  if (plan === undefined) return;
  await lookAtAll(destinations, (one) => updateBaseline(store, plan, one));
}

/** A plan that cannot be trusted any more is no plan; the verdict says what was ordered by it. */
async function findValidPlan({ store, signer, log }: VerdictDependencies, sync: SyncId): Promise<Plan | undefined> {
  try {
    return await loadPlan(store, sync, signer.publicKey);
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    log('plan-invalid', { sync, problem: error.message });
    return undefined;
  }
}

/** Who was not asked to approve is not told how it ended. A mail that cannot be sent withholds no verdict. */
async function tellApprovers(
  { store, notifier, log, ...told }: VerdictDependencies,
  request: SyncRequest,
  verdict: SyncVerdict,
): Promise<void> {
  if (request.notify.length === 0) return;
  if ((await store.head(keys.approvalRequested(request.sync))) === undefined) return;
  try {
    const { consoleUrl = request.consoleUrl } = told;
    await notifier.send(await verdictMail({ verdict, to: request.notify, consoleUrl }));
  } catch (error) {
    log('mail-not-sent', { sync: request.sync, problem: String(error) });
  }
}

/** A source that would not take stock says why itself. */
async function findSourceRefusal(
  store: Dependencies['store'],
  { policy, source, sync }: SyncRequest,
): Promise<{ reason: string; detail: string } | undefined> {
  if (policy.verify === true) return undefined;
  try {
    const receipt = await loadReceipt(store, source, orderId(sync, 'inventory', source));
    if (receipt?.outcome !== 'REFUSED' || receipt.reason === undefined) return undefined;
    return {
      reason: receipt.reason,
      detail: `the source ${source} could not take stock: ${receipt.detail}`.slice(0, 4000),
    };
  } catch (error) {
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

async function verifyAll(
  { signer, store }: VerdictDependencies,
  { destinations, source, sync }: SyncRequest,
): Promise<DestinationVerdict[]> {
  const { publicKey: controlKey } = signer;
  const judge = (server: ServerId) => judgeVerification({ store, controlKey, server }, sync);
  return await lookAtAll([source, ...destinations], judge, MANIFESTS_AT_ONCE);
}

async function judgeAll(
  dependencies: Pick<Dependencies, 'store'>,
  request: SyncRequest,
  plan: Plan | undefined,
): Promise<DestinationVerdict[]> {
  const judge = (server: ServerId) =>
    plan === undefined
      ? judgeWithoutPlan(dependencies, request.sync, server)
      : judgeDestination(dependencies, { plan, server });
  return await lookAtAll(request.destinations, judge, PARTS_AT_ONCE);
}

function explain(
  ending: Ending,
  error: SyncEnded['error'],
  destinations: readonly DestinationVerdict[],
): { reason?: string; detail?: string } {
  if (error !== undefined && ending !== 'expired')
    return { reason: error.Error.slice(0, 40), ...(error.Cause && { detail: messageOf(error.Cause).slice(0, 4000) }) };
  if (ending === 'expired') return { reason: 'ApprovalExpired', detail: 'nobody decided before the plan expired' };
  const bad = destinations.find(({ reason }) => reason !== undefined);
  return bad?.reason === undefined
    ? {}
    : { reason: bad.reason, ...(bad.detail && { detail: `${bad.server}: ${bad.detail}`.slice(0, 4000) }) };
}

async function judgeWithoutPlan(
  { store }: Pick<Dependencies, 'store'>,
  sync: SyncId,
  server: ServerId,
): Promise<DestinationVerdict> {
  if (!(await wasOrderIssued({ store }, { sync, step: 'apply', server }))) return notAttempted(server);
  const detail = 'it was ordered to apply a plan that is no longer in the store as it was signed: check the server';
  return { ...notAttempted(server), verdict: 'FAILED', reason: 'NO_PLAN', detail };
}

/** Lambda wraps the message of an error, with a stack trace, into JSON. */
function messageOf(cause: string): string {
  if (!cause.startsWith('{')) return cause;
  try {
    return lambdaErrorSchema.parse(JSON.parse(cause)).errorMessage;
  } catch {
    return cause;
  }
}

const lambdaErrorSchema = z.object({ errorMessage: z.string() });

function unknownSource(request: SyncRequest): SyncVerdict['source'] {
  return { server: request.source, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 };
}

function sourceOf({ source }: Plan): SyncVerdict['source'] {
  const { server, manifest, artifacts, bytes, bytesUploaded, secondsUploading } = source;
  const seconds = secondsUploading !== undefined && { secondsUploading };
  return { server, manifest, artifacts, bytes, bytesUploaded, ...seconds };
}
