import pLimit from 'p-limit';
import * as z from 'zod';
import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { keys, type OrderStep, orderId } from '#core/keys.ts';
import { type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import type { Signed } from '#core/signed.ts';
import { type SyncId, stockTakers } from '#core/sync.ts';
import type { ConsoleParts } from '../../console/console-parts.ts';
import { findOperations, openPartOf } from '../../console/find-operations.ts';
import { mostUrgentFirst } from '../../describe-notices.ts';
import { loadRequest } from '../../sync-documents.ts';
import { differencesSchema, operationsSchema, planDocumentSchema, receiptsSchema, SYNC_EXAMPLE } from '../documents.ts';
import { findPlan, findSync } from '../find-known.ts';
import { lookAtPage } from '../look-at-page.ts';
import { notThere, problems } from '../problem.ts';
import { type Api, answer, newApi, route } from '../route.ts';

/** What a plan would do, by destination and by file; and what each server has answered. */
export function planRoutes(parts: ConsoleParts): Api {
  const api = newApi();

  api.openapi(planRoute, async (context) => context.json(await findPlan(parts, context.req.valid('param').sync), 200));

  api.openapi(differencesRoute, async (context) => {
    const { digest, destinations, sync } = await findPlan(parts, context.req.valid('param').sync);
    const { find, from, limit } = context.req.valid('query');
    const found = mostUrgentFirst(destinations).filter(({ server }) => server.includes(find));
    const next = from + limit < found.length ? from + limit : null;
    const page = found.slice(from, from + limit);
    return context.json({ sync, plan: digest, found: found.length, destinations: page, next }, 200);
  });

  api.openapi(operationsRoute, async (context) => {
    const { name, site, sync } = context.req.valid('param');
    const plan = await findPlan(parts, sync);
    const planned = plan.destinations.find(({ server }) => server === `${site}/${name}`);
    if (planned === undefined) throw notThere(`${site}/${name} is no destination of sync ${sync}`);
    const { server } = planned;
    if (planned.outcome !== 'changes')
      return context.json({ server, plan: plan.digest, counts: null, operations: [], next: null }, 200);
    const { limit, ...filter } = context.req.valid('query');
    const part = await openPartOf(parts, plan, planned);
    const wanted = { ...filter, change: filter.change, class: filter.class };
    const { isMore, operations } = await findOperations(part, wanted, limit);
    const next = isMore ? (operations.at(-1)?.path ?? null) : null;
    return context.json({ server, plan: plan.digest, counts: planned.counts, operations: [...operations], next }, 200);
  });

  api.openapi(receiptsRoute, async (context) => {
    const sync = await findSync(parts, context.req.valid('param').sync);
    const request = await loadRequest(parts.store, sync);
    const servers = [...new Set([...stockTakers(request), ...request.destinations])];
    const { next, page } = lookAtPage(servers, context.req.valid('query'));
    const parallel = pLimit(PARALLEL_READS);
    const receipts = await Promise.all(
      page.flatMap((server) => STEPS.map((step) => parallel(() => readReceipt(parts, { sync, server, step })))),
    );
    return context.json({ receipts: receipts.filter((receipt) => receipt !== undefined), next }, 200);
  });
  return api;
}

const STEPS = ['inventory', 'apply'] as const;
const PARALLEL_READS = 16;

interface Answered {
  readonly sync: SyncId;
  readonly server: ServerId;
  readonly step: OrderStep;
}

async function readReceipt({ store }: ConsoleParts, { server, step, sync }: Answered) {
  const order = orderId(sync, step, server);
  const key = keys.receipt(server, order);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const receipt: Signed<Receipt> = parseDocument(key, signedReceiptSchema, stored.body, MAX_SIGNED_BYTES);
  return { server, step, order, receipt };
}

const syncParameter = z.object({
  sync: z.string().max(64).meta({ description: 'Id of the sync.', example: SYNC_EXAMPLE }),
});

const planRoute = route({
  method: 'get',
  path: '/syncs/{sync}/plan',
  tags: ['Plans'],
  summary: 'The plan, whole: what an approval binds',
  request: { params: syncParameter },
  responses: { 200: answer('It.', planDocumentSchema), ...problems(404, 502) },
});

const differencesRoute = route({
  method: 'get',
  path: '/syncs/{sync}/differences',
  tags: ['Plans'],
  summary: 'What it would do, by destination',
  request: {
    params: syncParameter,
    query: z.object({
      find: z.string().trim().toLowerCase().max(130).default('').meta({ description: 'A part of a destination.' }),
      from: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(200).default(20),
    }),
  },
  responses: { 200: answer('Those that fit.', differencesSchema), ...problems(400, 404, 502) },
});

const operationsRoute = route({
  method: 'get',
  path: '/syncs/{sync}/differences/{site}/{name}',
  tags: ['Plans'],
  summary: 'What it would do at one destination, by file',
  request: {
    params: syncParameter.extend({
      site: z.string().max(63).meta({ example: 'west' }),
      name: z.string().max(63).meta({ example: 'backup' }),
    }),
    query: z.object({
      change: z.enum(['create', 'update', 'remove', 'create-folder', 'remove-folder']).optional(),
      class: z.string().max(40).optional().meta({ description: 'What kind of file the profile says that it is.' }),
      find: z.string().trim().max(500).default('').meta({ description: 'A part of the path, whatever the case.' }),
      after: z.string().max(8192).default('').meta({ description: 'Only paths behind this one.' }),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
  },
  responses: { 200: answer('Those that fit.', operationsSchema), ...problems(400, 404, 502) },
});

const receiptsRoute = route({
  method: 'get',
  path: '/syncs/{sync}/receipts',
  tags: ['Syncs'],
  summary: 'What its servers have answered, as their agents have signed it',
  request: {
    params: syncParameter,
    query: z.object({
      after: serverIdSchema.optional().meta({ description: 'Only servers behind this one.' }),
      limit: z.coerce.number().int().min(1).max(100).default(50).meta({ description: 'Servers.' }),
    }),
  },
  responses: { 200: answer('Their receipts.', receiptsSchema), ...problems(400, 404, 502) },
});
