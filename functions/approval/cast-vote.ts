import {
  assertMayVote,
  type Decision,
  decisionSchema,
  tally,
  VOTE_FORMAT,
  type Vote,
  voteSchema,
} from '#core/approval.ts';
import { groupsThatCount } from '#core/approvers.ts';
import { sha256 } from '#core/digest.ts';
import { parseDocument } from '#core/documents.ts';
import { BadInput, DecisionRefused, InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Plan } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { createOnce, loadPlan } from '../sync-documents.ts';

export interface VoteCast {
  readonly vote: Vote;
  /** Undefined while more approvals are needed. */
  readonly decision: Decision | undefined;
}

/** What a person says, by whatever way; `groups` are all that an identity provider says of him. */
export type Word = Omit<Vote, 'format' | 'at' | 'groups'> & { readonly groups?: readonly string[] | undefined };

/** The public half is enough: whoever votes holds no control key. */
type VoteDependencies = Pick<Dependencies, 'store' | 'now'> & { readonly controlKey: string };

/**
 * Records one person's word on a plan, once, and the decision if that makes one. Throws DecisionRefused when the
 * matter is decided, the plan is another or expired, or this person may not.
 */
export async function castVote(dependencies: VoteDependencies, cast: Word): Promise<VoteCast> {
  const { store, now } = dependencies;
  const plan = await loadPlan(store, cast.sync, dependencies.controlKey);
  if (plan === undefined)
    throw new BadInput(`sync ${cast.sync} has no plan to decide on: is the id right, and is it planned already?`);
  await assertOpen(dependencies, plan);
  const { groups, ...word } = cast;
  const vote: Vote = {
    ...word,
    ...(groups !== undefined && { groups: groupsThatCount(plan.policy, groups) }),
    format: VOTE_FORMAT,
    at: now().toISOString(),
  };
  assertMayVote(plan, vote);
  const key = keys.vote(cast.sync, sha256(cast.by));
  const isFirst = await createOnce(store, key, vote);
  // Also after an earlier vote: whoever cast it may have been stopped before the count.
  const decision = await decide(dependencies, plan);
  if (!isFirst && decision?.votes.some((one) => one.by === vote.by && one.decision === vote.decision) !== true) {
    const earlier = await findVote(store, key);
    const when = earlier === undefined ? '' : ` (${earlier.decision.toLowerCase()}, at ${earlier.at})`;
    throw new DecisionRefused(`${cast.by} has voted on sync ${cast.sync} before${when}, and a vote cannot be changed`);
  }
  return { vote, decision };
}

/** The decision on a sync, if there is one. */
export async function findDecision(
  { store }: Pick<Dependencies, 'store'>,
  sync: SyncId,
): Promise<Decision | undefined> {
  const stored = await store.get(keys.decision(sync));
  return stored === undefined ? undefined : parseDocument(keys.decision(sync), decisionSchema, stored.body);
}

async function assertOpen(dependencies: VoteDependencies, plan: Plan): Promise<void> {
  const decision = await findDecision(dependencies, plan.sync);
  if (decision !== undefined) throw new DecisionRefused(describeDecision(decision));
  if ((await dependencies.store.head(keys.verdict(plan.sync))) !== undefined) {
    throw new DecisionRefused(`sync ${plan.sync} has ended; nothing is left to decide`);
  }
}

async function decide(dependencies: VoteDependencies, plan: Plan): Promise<Decision | undefined> {
  const decision = tally(plan, await loadVotes(dependencies, plan));
  if (decision === undefined) return undefined;
  await createOnce(dependencies.store, keys.decision(plan.sync), decision);
  // Of two people at once one was first; what counts is what is there.
  return findDecision(dependencies, plan.sync);
}

/** Those that count, the earliest first. */
export async function loadVotes({ store }: Pick<Dependencies, 'store'>, plan: Plan): Promise<Vote[]> {
  const votes: Vote[] = [];
  for await (const { key } of store.list(keys.votes(plan.sync))) {
    const vote = await findVote(store, key);
    // What is no vote, one that the decision could not rest on, or a second one of the same person under another name.
    if (vote !== undefined && key === keys.vote(plan.sync, sha256(vote.by)) && mayVote(plan, vote)) votes.push(vote);
  }
  return votes.sort((a, b) => (a.at < b.at ? -1 : 1));
}

async function findVote(store: Dependencies['store'], key: string): Promise<Vote | undefined> {
  const stored = await store.get(key);
  try {
    return stored && parseDocument(key, voteSchema, stored.body);
  } catch (error) {
    // Whoever may write there could else keep everybody from deciding.
    if (error instanceof InvalidDocument) return undefined;
    throw error;
  }
}

function mayVote(plan: Plan, vote: Vote): boolean {
  try {
    assertMayVote(plan, vote);
    return true;
  } catch (error) {
    if (error instanceof DecisionRefused) return false;
    throw error;
  }
}

function describeDecision(decision: Decision): string {
  const people = decision.votes.map((vote) => `${vote.by} at ${vote.at}`).join(', ');
  return `sync ${decision.sync} was ${decision.decision.toLowerCase()} already, by ${people}`;
}
