import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { BadInput } from '#core/errors.ts';
import { syncIdSchema } from '#core/sync.ts';
import { requestCancel } from '../../cancel-sync.ts';
import type { ConsoleParts } from '../../console/console-parts.ts';
import { toCsv } from '../../console/history-export.ts';
import { observationsOf } from '../../console/observations.ts';
import { toWish } from '../../console/read-choice.ts';
import { findSyncs, SOUGHT_VERDICTS } from '../../observe/find-syncs.ts';
import { lookAtSync } from '../../observe/observe-sync.ts';
import { pastSyncDocument } from '../../observe/past-sync-document.ts';
import { readFleet } from '../../read-fleet.ts';
import { requestSync } from '../../request-sync.ts';
import {
  cancelledSchema,
  historySchema,
  pastSyncsSchema,
  SYNC_EXAMPLE,
  startedSyncSchema,
  syncViewSchema,
  wantedSyncSchema,
} from '../documents.ts';
import { findSync } from '../find-known.ts';
import { problemJson, problems } from '../problem.ts';
import { requireRole } from '../require-caller.ts';
import { type Api, answer, newApi, route } from '../route.ts';
import { streamViews } from '../stream-views.ts';
import { toSyncView } from '../to-sync-view.ts';

/** What was synchronized and what is; starting and stopping. */
export function syncRoutes(parts: ConsoleParts): Api {
  const api = newApi();
  const { executions, now, random, store } = parts;

  api.openapi(listRoute, async (context) => {
    const { limit, ...sought } = context.req.valid('query');
    const look = { most: limit, now: now(), signal: context.req.raw.signal };
    const found = await findSyncs(store, toSought(sought), look);
    return context.json({ syncs: found.syncs.map(pastSyncDocument), next: found.next ?? null }, 200);
  });

  api.openapi(historyRoute, async (context) => {
    const { format, ...sought } = context.req.valid('query');
    const look = { most: MOST_EXPORTED, now: now(), signal: context.req.raw.signal };
    const { syncs } = await findSyncs(store, toSought(sought), look);
    if (format === 'json') return context.json({ syncs: syncs.map(pastSyncDocument) }, 200);
    return context.text(toCsv(syncs), 200, { 'Content-Type': CSV });
  });

  api.openapi(startRoute, async (context) => {
    const fleet = await readFleet(store, context.req.raw.signal);
    if (fleet === undefined)
      throw new BadInput('this console has no fleet yet: lockstep up, or lockstep push, gives it one');
    const wanted = context.req.valid('json');
    const { maxRemovalPercent, only, allowVanished, ...rest } = wanted;
    const choice = {
      ...rest,
      find: '',
      only: only.join(','),
      allowVanished: allowVanished.join(','),
      maxRemovals: maxRemovalPercent === undefined ? '' : String(maxRemovalPercent),
    };
    const wish = toWish(choice, fleet);
    if ('problems' in wish) throw new BadInput(wish.problems.map(({ text }) => text).join(' '));
    const requestedBy = context.get('session').person;
    const sync = await requestSync({ store, executions, now, random }, { requestedBy, ...wish });
    await context.get('audit')({ event: 'sync-started', sync, via: 'api' });
    return context.json({ sync }, 201, { Location: `/api/v1/syncs/${sync}` });
  });

  api.openapi(oneRoute, async (context) => {
    const sync = await findSync(parts, context.req.valid('param').sync);
    const view = await observationsOf(parts).look(sync);
    if (view.phase !== 'done') return context.json(toSyncView(view), 200);
    // Those who watch are content with the verdict; here is also what each server has answered.
    const options = { signal: context.req.raw.signal, controlKey: await parts.controlKey() };
    return context.json(toSyncView(await lookAtSync(store, sync, options)), 200);
  });

  api.openapi(eventsRoute, async (context) =>
    streamViews(context, parts, await findSync(parts, context.req.valid('param').sync)),
  );

  api.openapi(cancelRoute, async (context) => {
    const sync = await findSync(parts, context.req.valid('param').sync);
    const by = context.get('session').person;
    await requestCancel({ store, now }, { sync, by });
    await context.get('audit')({ event: 'sync-stopped', sync, via: 'api' });
    return context.json({ sync, cancelled: true as const }, 200);
  });
  return api;
}

const daySchema = z.iso.date().optional();

/** As the page History takes them. */
const soughtSchema = z.object({
  server: z
    .string()
    .trim()
    .toLowerCase()
    .max(130)
    .default('')
    .meta({ description: 'A part of a source or destination.' }),
  verdict: z.enum(SOUGHT_VERDICTS).optional(),
  from: daySchema.meta({ description: 'The first day, in UTC.', example: '2026-01-02' }),
  to: daySchema.meta({ description: 'The last day, in UTC.' }),
});

const pagedSchema = soughtSchema.extend({
  before: syncIdSchema.optional().meta({ description: 'Only those that were asked for before this one.' }),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

function toSought({ before, from, server, to, verdict }: Omit<z.infer<typeof pagedSchema>, 'limit'>) {
  return { server, verdict, from: from ?? '', to: to ?? '', before };
}

const syncParameter = z.object({
  sync: z.string().max(64).meta({ description: 'Id of the sync.', example: SYNC_EXAMPLE }),
});

const listRoute = route({
  method: 'get',
  path: '/syncs',
  tags: ['Syncs'],
  summary: 'Syncs, the newest first',
  request: { query: pagedSchema },
  responses: { 200: answer('Those that fit.', pastSyncsSchema), ...problems(400, 502) },
});

const CSV = 'text/csv; charset=utf-8';

const historyRoute = route({
  method: 'get',
  path: '/history',
  tags: ['Syncs'],
  summary: 'The newest 2,000 syncs that fit, whole: for an archive or a spreadsheet',
  request: { query: soughtSchema.extend({ format: z.enum(['json', 'csv']).default('json') }) },
  responses: {
    200: {
      description: 'As `lockstep history --json` has it, or a line of CSV for each.',
      content: { 'application/json': { schema: historySchema }, [CSV]: { schema: z.string() } },
    },
    ...problems(400, 502),
  },
});

const startRoute = route({
  method: 'post',
  path: '/syncs',
  tags: ['Syncs'],
  summary: 'Start a sync: stock is taken, a plan is made and waits for its approval. Takes the role operator.',
  middleware: [
    requireRole('operator'),
    bodyLimit({
      maxSize: 4 * 1024 * 1024,
      onError: (context) =>
        problemJson(context, { status: 413, title: 'That is too large', detail: 'Name sites instead of each server.' }),
    }),
  ] as const,
  request: { body: { required: true, content: { 'application/json': { schema: wantedSyncSchema } } } },
  responses: { 201: answer('It has been asked for.', startedSyncSchema), ...problems(400, 413, 415) },
});

const oneRoute = route({
  method: 'get',
  path: '/syncs/{sync}',
  tags: ['Syncs'],
  summary: 'One sync as it stands now',
  request: { params: syncParameter },
  responses: { 200: answer('It.', syncViewSchema), ...problems(400, 404, 502) },
});

const eventsRoute = route({
  method: 'get',
  path: '/syncs/{sync}/events',
  tags: ['Syncs'],
  summary:
    'The same again whenever it has changed, as server-sent events: `view` with the sync as JSON, at last `done`',
  description:
    'A platform that holds streams back ends the answer behind each event; a client connects again by itself.',
  request: { params: syncParameter },
  responses: {
    200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems(404),
  },
});

const cancelRoute = route({
  method: 'post',
  path: '/syncs/{sync}/cancel',
  tags: ['Syncs'],
  summary: 'Stop a sync: what was begun comes to its end, nothing more is. Takes the role operator.',
  middleware: [requireRole('operator')] as const,
  request: { params: syncParameter },
  responses: { 200: answer('It is being stopped.', cancelledSchema), ...problems(404, 409) },
});

const MOST_EXPORTED = 2000;
