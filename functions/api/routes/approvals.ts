import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { DecisionRefused } from '#core/errors.ts';
import { type Plan, shortCode } from '#core/plan.ts';
import { removalsOf, unacknowledgedIn } from '#core/removals.ts';
import { assertCounted } from '../../approval/assert-counted.ts';
import { castVote } from '../../approval/cast-vote.ts';
import type { ConsoleParts } from '../../console/console-parts.ts';
import { voterOf } from '../../console/voter-of.ts';
import { listApprovals } from '../../observe/list-approvals.ts';
import { type ApprovalView, lookAtApproval } from '../../observe/look-at-approval.ts';
import { sumOfAll } from '../../sum-changes.ts';
import { approvalSchema, approvalsSchema, SYNC_EXAMPLE, voteCastSchema, wantedVoteSchema } from '../documents.ts';
import { findSync } from '../find-known.ts';
import { problemJson, problems } from '../problem.ts';
import { requireRole } from '../require-caller.ts';
import { type Api, answer, newApi, route } from '../route.ts';

/** Plans that wait, one of them, and a vote on it: by the rules that hold on the page. */
export function approvalRoutes(parts: ConsoleParts): Api {
  const api = newApi();
  const { now, store } = parts;
  const looking = async ({ signal }: Request) => ({ store, now, signal, controlKey: await parts.controlKey() });

  api.openapi(listRoute, async (context) => {
    const { decided, waiting } = await listApprovals(await looking(context.req.raw));
    return context.json({ waiting: waiting.map(toApproval), decided: decided.map(({ decision }) => decision) }, 200);
  });

  api.openapi(oneRoute, async (context) => {
    const sync = await findSync(parts, context.req.valid('param').sync);
    return context.json(toApproval(await lookAtApproval(await looking(context.req.raw), sync)), 200);
  });

  api.openapi(voteRoute, async (context) => {
    const sync = await findSync(parts, context.req.valid('param').sync);
    const { acknowledgedRemovals, comment, decision, plan } = context.req.valid('json');
    const controlKey = await parts.controlKey();
    if (controlKey === undefined) throw new DecisionRefused('the store does not say yet who may sign plans');
    const cast = await castVote(
      { store, now, controlKey },
      {
        ...voterOf(context.get('session')),
        ...{ sync, plan, decision, via: 'api' },
        ...(comment !== undefined && { comment }),
        ...(acknowledgedRemovals !== undefined && { acknowledgedRemovals }),
      },
    );
    assertCounted(cast);
    const decided = cast.decision?.decision ?? null;
    await context.get('audit')({ event: 'decision', sync, plan, vote: decision, decided, via: 'api' });
    return context.json({ vote: cast.vote, decision: cast.decision ?? null }, 201);
  });
  return api;
}

function toApproval({ decision, plan, request, state, votes }: ApprovalView): z.infer<typeof approvalSchema> {
  return {
    sync: request.sync,
    requestedBy: request.requestedBy,
    state,
    plan: plan === undefined ? null : toPlanSummary(plan),
    votes: [...votes],
    decision: decision ?? null,
  };
}

function toPlanSummary(plan: Plan) {
  const { bytes, create, remove, update } = sumOfAll(plan);
  return {
    digest: plan.digest,
    code: shortCode(plan.digest),
    expiresAt: plan.expiresAt,
    approvalsNeeded: plan.policy.approvals,
    requesterMayApprove: plan.policy.requesterMayApprove,
    removalsToAcknowledge: unacknowledgedIn(plan).length === 0 ? null : removalsOf(plan),
    counts: { create, update, remove, bytes },
  };
}

const syncParameter = z.object({
  sync: z.string().max(64).meta({ description: 'Id of the sync.', example: SYNC_EXAMPLE }),
});

const listRoute = route({
  method: 'get',
  path: '/approvals',
  tags: ['Approvals'],
  summary: 'Plans that wait for a decision, and what was decided lately',
  responses: { 200: answer('They.', approvalsSchema), ...problems(502) },
});

const oneRoute = route({
  method: 'get',
  path: '/approvals/{sync}',
  tags: ['Approvals'],
  summary: 'Where the approval of one sync stands',
  request: { params: syncParameter },
  responses: { 200: answer('It.', approvalSchema), ...problems(404, 502) },
});

const voteRoute = route({
  method: 'post',
  path: '/approvals/{sync}/votes',
  tags: ['Approvals'],
  summary: 'Say yes or no to a plan, once. Takes the role approver.',
  description:
    'Refused for whoever asked for the sync, unless the fleet file allows it; and for a plan other than that of the sync.',
  middleware: [
    requireRole('approver'),
    bodyLimit({
      maxSize: 16 * 1024,
      onError: (context) =>
        problemJson(context, {
          status: 413,
          title: 'That is too large',
          detail: 'A comment has 1,000 characters at most.',
        }),
    }),
  ] as const,
  request: {
    params: syncParameter,
    body: { required: true, content: { 'application/json': { schema: wantedVoteSchema } } },
  },
  responses: { 201: answer('It is recorded.', voteCastSchema), ...problems(400, 404, 409, 413, 415) },
});
