import pLimit from 'p-limit';
import type { Decision } from '#core/approval.ts';
import type { SyncRequest } from '#core/sync.ts';
import { findDecision } from '../approval/cast-vote.ts';
import { listSyncs, type PastSync } from './list-syncs.ts';
import { type ApprovalView, type LookAtApproval, lookAtApproval } from './look-at-approval.ts';

export interface Approvals {
  /** Plans that wait, the newest first. */
  readonly waiting: readonly ApprovalView[];
  /** What was decided lately, the newest first. */
  readonly decided: readonly Decided[];
}

export interface Decided {
  readonly request: SyncRequest;
  readonly decision: Decision;
}

/** Of the newest syncs. */
export async function listApprovals(look: LookAtApproval): Promise<Approvals> {
  const syncs = await listSyncs(look.store, { most: NEWEST, now: look.now(), signal: look.signal });
  const parallel = pLimit(PARALLEL_READS);
  const open = syncs.filter(({ request, verdict }) => verdict === undefined && request.policy.verify !== true);
  const views = await Promise.all(open.map(({ request }) => parallel(() => lookAtApproval(look, request.sync))));
  const ended = await Promise.all(syncs.filter(mayHaveBeenDecided).map((one) => parallel(() => decisionOf(look, one))));
  const decided = [...views, ...ended].filter(isDecided).sort((a, b) => (decidedAt(a) < decidedAt(b) ? 1 : -1));
  return { waiting: views.filter(({ state }) => state === 'waiting'), decided: decided.slice(0, MOST_DECIDED) };
}

/** The vote that made the decision. */
export function decidedAt({ decision }: Pick<Decided, 'decision'>): string {
  return (
    decision.votes
      .map(({ at }) => at)
      .toSorted()
      .at(-1) ?? ''
  );
}

async function decisionOf(look: LookAtApproval, { request }: PastSync) {
  return { request, decision: await findDecision(look, request.sync) };
}

function mayHaveBeenDecided({ verdict }: PastSync): boolean {
  return verdict !== undefined && !['IN_SYNC', 'PLANNED', 'VERIFIED', 'DRIFTED'].includes(verdict.verdict);
}

function isDecided(one: { readonly request: SyncRequest; readonly decision: Decision | undefined }): one is Decided {
  return one.decision !== undefined;
}

const NEWEST = 100;
const MOST_DECIDED = 20;
const PARALLEL_READS = 16;
