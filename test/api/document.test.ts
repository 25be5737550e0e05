import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { encodeDocument } from '#core/documents.ts';
import { fleetSchema } from '#core/fleet.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { apiRoutes } from '#functions/api/api.ts';
import * as documents from '#functions/api/documents.ts';
import { type PlannedFleet, planFleet } from '#test/functions/planned-fleet.ts';
import { ServedApi } from './served-api.ts';

const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  'get /v1/me': documents.callerSchema,
  'get /v1/servers': documents.serversSchema,
  'get /v1/servers/{site}/{name}': documents.oneServerSchema,
  'get /v1/servers/{site}/{name}/receipts/{order}': documents.signedReceiptDocumentSchema,
  'get /v1/syncs': documents.pastSyncsSchema,
  'post /v1/syncs': documents.startedSyncSchema,
  'get /v1/syncs/{sync}': documents.syncViewSchema,
  'post /v1/syncs/{sync}/cancel': documents.cancelledSchema,
  'get /v1/syncs/{sync}/plan': documents.planDocumentSchema,
  'get /v1/syncs/{sync}/differences': documents.differencesSchema,
  'get /v1/syncs/{sync}/differences/{site}/{name}': documents.operationsSchema,
  'get /v1/syncs/{sync}/receipts': documents.receiptsSchema,
  'get /v1/history': documents.historySchema,
  'get /v1/approvals': documents.approvalsSchema,
  'get /v1/approvals/{sync}': documents.approvalSchema,
  'post /v1/approvals/{sync}/votes': documents.voteCastSchema,
};

/** Events are no JSON; a test of their own reads them. */
const STREAMS = ['get /v1/syncs/{sync}/events'];

const described = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string().min(1),
        security: z.array(z.record(z.string(), z.array(z.string()))).min(2),
        responses: z.record(
          z.string(),
          z.object({ description: z.string(), content: z.record(z.string(), z.unknown()) }),
        ),
      }),
    ),
  ),
  components: z.object({
    schemas: z.record(z.string(), z.unknown()),
    securitySchemes: z.record(z.string(), z.unknown()),
  }),
});

let planned: PlannedFleet;

beforeEach(async () => {
  planned = await planFleet(2);
  const sites = { 'plant-a': { servers: ['source', 'tm1', 'tm2'] } };
  await planned.fleet.store.put(keys.fleet(), encodeDocument(fleetSchema.parse({ fleet: 'plant', sites })));
});

afterEach(() => planned.fleet.end());

async function serve() {
  const api = await ServedApi.serve({ store: planned.fleet.store, controlKey: planned.dependencies.signer.publicKey });
  const token = await api.token('approver');
  const { body } = await api.ask('/api/openapi.json', { token });
  return { api, token, document: described.parse(body) };
}

function operationsOf({ paths }: z.infer<typeof described>) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, method, path, operation })),
  );
}

it('answers on every route as its schema says, and says nothing that stands there not', async () => {
  const { api, document, token } = await serve();
  const source = serverIdSchema.parse('plant-a/source');
  const values: Readonly<Record<string, string>> = {
    sync: planned.sync,
    site: 'plant-a',
    name: 'tm1',
    order: orderId(planned.sync, 'inventory', serverIdSchema.parse('plant-a/tm1')),
  };
  const { digest: plan } = (await api.ask(`/api/v1/syncs/${planned.sync}/plan`, { token })).body;
  const bodies: Readonly<Record<string, unknown>> = {
    'post /v1/syncs': { source, destinations: ['plant-a/tm1'], mode: 'mirror' },
    'post /v1/approvals/{sync}/votes': { plan, decision: 'REJECTED', comment: 'not today' },
    'post /v1/syncs/{sync}/cancel': {},
  };
  const walked: string[] = [];
  for (const { method, name, operation, path } of operationsOf(document)) {
    if (STREAMS.includes(name)) continue;
    const address = path.replace(/\{(\w+)\}/g, (_, parameter: string) => values[parameter] ?? '');
    const answer = await api.ask(`/api${address}`, { token, method: method.toUpperCase(), body: bodies[name] });
    const schema = SCHEMAS[name];
    if (schema === undefined) throw new Error(`${name} is not looked at here`);
    expect(operation.responses, name).toHaveProperty(String(answer.status));
    expect(answer.status, `${name} ${answer.text}`).toBeLessThan(300);
    expect(schema.parse(answer.body), name).toEqual(answer.body);
    const { content } = operation.responses[answer.status] ?? {};
    expect(content, name).toMatchObject({
      'application/json': { schema: { $ref: `#/components/schemas/${schema.meta()?.id}` } },
    });
    walked.push(name);
  }
  expect(walked.toSorted()).toEqual(Object.keys(SCHEMAS).toSorted());
});

it('describes all routes that there are, with how one is known and what may be refused', async () => {
  const { document } = await serve();
  const { store } = planned.fleet;
  const parts = {
    ...{ store, executions: { start: async () => undefined }, origins: [], now: () => new Date() },
    controlKey: async () => undefined,
    signIn: { mount: () => undefined, identify: async () => undefined, refuse: () => new Response() },
    random: () => '',
    log: () => undefined,
  };
  const routes = apiRoutes(parts)
    .routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/v1/'))
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const operations = operationsOf(document);
  expect(operations.map(({ name }) => name).toSorted()).toEqual([...new Set(routes)].toSorted());
  for (const { name, operation } of operations) {
    expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['401', '403', '429']));
    expect(operation.security, name).toEqual([{ token: [] }, { session: [] }]);
  }
  expect(Object.keys(document.components.securitySchemes)).toEqual(['token', 'session']);
});

it('refers to nothing that it does not hold', async () => {
  const { api, document, token } = await serve();
  const { text } = await api.ask('/api/openapi.json', { token });
  const named = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(10);
  expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(named));
});

it('shows the description to people, too, without any script but its own', async () => {
  const { api, document } = await serve();
  const { cookie } = api.session('somebody');
  const { status, text, headers } = await api.ask('/api', { headers: { Cookie: cookie } });
  expect(status).toBe(200);
  for (const { path } of operationsOf(document)) expect(text).toContain(`/api${path}</code>`);
  for (const name of Object.keys(document.components.schemas)) expect(text).toContain(`id="schema-${name}"`);
  expect(headers.get('Content-Security-Policy')).toContain("script-src 'self'");
  expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)|style=/);
  expect(text.length).toBeLessThan(200_000);
});
