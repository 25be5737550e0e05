import * as z from 'zod';
import { MAX_SIGNED_BYTES, parseDocument } from '#core/documents.ts';
import { parseSignalKey } from '#core/keys.ts';
import { signedReceiptSchema } from '#core/receipt.ts';
import { serverIdSchema } from '#core/server.ts';
import type { ConsoleParts } from '../../console/console-parts.ts';
import { FleetLook, type ServerState } from '../../observe/fleet-look.ts';
import { findLastVerification } from '../../verification/find-last-verification.ts';
import { readChain } from '../../verification/read-chain.ts';
import { oneServerSchema, serversSchema, signedReceiptDocumentSchema } from '../documents.ts';
import { lookAtPage } from '../look-at-page.ts';
import { notThere, problems } from '../problem.ts';
import { type Api, answer, newApi, route } from '../route.ts';

/** The fleet, and one server of it. */
export function serverRoutes(parts: ConsoleParts): Api {
  const api = newApi();
  const { controlKey: key, now, store } = parts;
  const fleet = new FleetLook(store, { controlKey: key, now, mostMilliseconds: 0 });

  api.openapi(listRoute, async (context) => {
    const { after, find, limit } = context.req.valid('query');
    const view = await fleet.look();
    if (view === undefined) return context.json({ fleet: null, servers: [], next: null }, 200);
    const states = new Map(view.servers.map((one) => [one.server, one]));
    const found = [...states.keys()].filter((server) => server.includes(find.toLowerCase()));
    const { next, page } = lookAtPage(found, { after, limit });
    const servers = page.flatMap((server) => states.get(server) ?? []).map(toServer);
    return context.json({ fleet: view.fleet.fleet, servers, next }, 200);
  });

  api.openapi(oneRoute, async (context) => {
    const { name, site } = context.req.valid('param');
    const view = await fleet.look();
    const state = view?.servers.find(({ server }) => server === `${site}/${name}`);
    if (view === undefined || state === undefined)
      throw notThere(`the fleet file names no server ${site}/${name}; GET /api/v1/servers lists those that there are`);
    const { server } = state;
    const { signal } = context.req.raw;
    const controlKey = await parts.controlKey();
    const links = controlKey === undefined ? [] : await readChain({ store, controlKey, server }, FEW_ORDERS);
    const last = await findLastVerification(store, links, signal);
    const lastVerification = last && { sync: last.sync, finishedAt: last.finishedAt, result: last.verdict };
    return context.json({ ...toServer(state), lastVerification: lastVerification ?? null }, 200);
  });

  api.openapi(receiptRoute, async (context) => {
    const { name, order, site } = context.req.valid('param');
    const key = `servers/${site}/${name}/receipts/${order}.json`;
    const { size } = (parseSignalKey(key)?.kind === 'receipt' && (await store.head(key))) || { size: 0 };
    const stored = size === 0 || size > MAX_SIGNED_BYTES ? undefined : await store.get(key);
    if (stored === undefined) throw notThere(`${site}/${name} has answered no order of that name`);
    return context.json(parseDocument(key, signedReceiptSchema, stored.body, MAX_SIGNED_BYTES), 200);
  });
  return api;
}

const placeSchema = z.object({
  site: z.string().max(63).meta({ example: 'west' }),
  name: z.string().max(63).meta({ example: 'primary' }),
});

const listRoute = route({
  method: 'get',
  path: '/servers',
  tags: ['Servers'],
  summary: 'The servers of the fleet, in the order of the fleet file; some seconds old at most',
  request: {
    query: z.object({
      find: z.string().trim().max(130).default('').meta({ description: 'A part of the site or of the name.' }),
      after: serverIdSchema.optional().meta({ description: 'Only those behind this one.' }),
      limit: z.coerce.number().int().min(1).max(1000).default(200),
    }),
  },
  responses: { 200: answer('Those that fit.', serversSchema), ...problems(400, 502) },
});

const oneRoute = route({
  method: 'get',
  path: '/servers/{site}/{name}',
  tags: ['Servers'],
  summary: 'One server, with what its last verification has found',
  request: { params: placeSchema },
  responses: { 200: answer('It.', oneServerSchema), ...problems(400, 404, 502) },
});

const receiptRoute = route({
  method: 'get',
  path: '/servers/{site}/{name}/receipts/{order}',
  tags: ['Servers'],
  summary: 'What its agent has answered to one order, as it has signed it',
  request: { params: placeSchema.extend({ order: z.string().max(300) }) },
  responses: { 200: answer('The signed receipt.', signedReceiptDocumentSchema), ...problems(400, 404, 502) },
});

function toServer({ last, now, offline, server, status, trouble }: ServerState) {
  return {
    ...{ server, offline },
    status: status ?? null,
    trouble: trouble ?? null,
    lastSync: last ?? null,
    underWay: now?.sync ?? null,
  };
}

const FEW_ORDERS = 20;
