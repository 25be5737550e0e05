import { Hono } from 'hono';
import { html } from 'hono/html';
import { MAX_SIGNED_BYTES } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { type Fleet, fleetServers } from '#core/fleet.ts';
import { keys, type OrderId, parseSignalKey } from '#core/keys.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { rulesOf } from '../../fleet-rules.ts';
import { lookAtServer } from '../../observe/look-at-servers.ts';
import { readFleet } from '../../read-fleet.ts';
import { requestSync } from '../../request-sync.ts';
import { findLastVerification } from '../../verification/find-last-verification.ts';
import { readChain } from '../../verification/read-chain.ts';
import type { ConsoleContext, ConsoleEnvironment, ConsoleParts } from '../console-parts.ts';
import { page } from '../parts/layout.ts';
import { has, requireForm } from '../session.ts';
import { problemPage } from './problem.ts';
import { contentsSection, findLastInventory } from './server-contents.ts';
import { driftSection } from './server-drift.ts';
import { chainSection, overviewSection } from './server-overview.ts';

/** One server: when it was heard of, what it holds, what was changed there by whom, and its receipts. */
export function serverPages(parts: ConsoleParts): Hono<ConsoleEnvironment> {
  const app = new Hono<ConsoleEnvironment>();
  app.get('/:site/:name', (context) => showServer(context, parts));
  app.get('/:site/:name/receipts/:order', (context) => sendReceipt(context, parts));
  app.post('/:site/:name/verify', requireForm('operator'), (context) => verify(context, parts));
  return app;
}

async function showServer(context: ConsoleContext, parts: ConsoleParts): Promise<Response> {
  const { now, store } = parts;
  const { signal } = context.req.raw;
  const { fleet, server } = await findServer(context, parts);
  if (fleet === undefined) return await problemPage(context, 404, 'There is no such server', NOT_IN_FLEET);
  const key = await parts.controlKey();
  const most = Number(context.req.query('orders')) === MANY_ORDERS ? MANY_ORDERS : FEW_ORDERS;
  const [overview, links] = await Promise.all([
    lookAtServer({ store, fleet, now, signal, controlKey: key }, server),
    key === undefined ? [] : readChain({ store, controlKey: key, server }, most),
  ]);
  const orders = key === undefined ? undefined : { store, controlKey: key, server };
  const { formKey } = context.get('session');
  const asked = context.req.query('show');
  const body = html`<h1>Server ${server}</h1>
    ${overviewSection(overview, now())}
    <p><a class="button" href="/synchronize?source=${encodeURIComponent(server)}">Synchronize from here…</a>
      <a class="button" href="/synchronize?destination=${encodeURIComponent(server)}">Synchronize to here…</a>
      <a href="/history?server=${encodeURIComponent(server)}">Its syncs</a></p>
    ${await driftSection({ orders, last: await findLastVerification(store, links, signal), showsAll: asked === 'drift', server })}
    ${has(context, 'operator') ? verifyForm(server, formKey) : ''}
    ${await contentsSection({ store, server, found: findLastInventory(links), showsAll: asked === 'contents' })}
    ${chainSection(server, links, most === FEW_ORDERS ? MANY_ORDERS : undefined)}`;
  return await page(context, { title: `Server ${server}`, section: 'fleet', help: 'server', body });
}

/** What the agent signed, byte for byte. */
async function sendReceipt(context: ConsoleContext, { store }: ConsoleParts): Promise<Response> {
  const server = parseServerId(context);
  const key = keys.receipt(server, (context.req.param('order') ?? '') as OrderId);
  const signal = parseSignalKey(key);
  if (signal?.kind !== 'receipt')
    throw new BadInput(`that is no order of ${server}: the page of the server links to its receipts`);
  const { size } = (await store.head(key)) ?? { size: 0 };
  const stored = size > MAX_SIGNED_BYTES ? undefined : await store.get(key);
  if (stored === undefined)
    return await problemPage(context, 404, 'There is no such receipt', `${server} has not answered that order.`);
  return context.body(new Uint8Array(stored.body), 200, {
    'Content-Type': 'application/json',
    'Content-Disposition': `attachment; filename="${signal.order}.json"`,
  });
}

/** As `lockstep verify` asks for it. */
async function verify(context: ConsoleContext, parts: ConsoleParts): Promise<Response> {
  const { executions, now, random, store } = parts;
  const { fleet, server } = await findServer(context, parts);
  if (fleet === undefined) return await problemPage(context, 404, 'There is no such server', NOT_IN_FLEET);
  const sync = await requestSync(
    { store, executions, now, random },
    {
      requestedBy: context.get('session').person,
      source: server,
      destinations: [],
      ...rulesOf(fleet, { mode: 'overwrite', allowShrink: false, dryRun: true, verify: true }),
    },
  );
  await context.get('audit')({ event: 'verification-started', sync, server, via: 'console' });
  return context.redirect(`/syncs/${sync}`, 303);
}

async function findServer(
  context: ConsoleContext,
  { store }: ConsoleParts,
): Promise<{ readonly server: ServerId; readonly fleet: Fleet | undefined }> {
  const server = parseServerId(context);
  const fleet = await readFleet(store, context.req.raw.signal);
  return { server, fleet: fleet !== undefined && fleetServers(fleet).includes(server) ? fleet : undefined };
}

function parseServerId({ req }: ConsoleContext): ServerId {
  const id = serverIdSchema.safeParse(`${req.param('site')}/${req.param('name')}`);
  if (!id.success) throw new BadInput('that is no server: an id looks like site/name');
  return id.data;
}

function verifyForm(server: ServerId, formKey: string) {
  return html`<form method="post" action="/servers/${server}/verify">
    <input type="hidden" name="formKey" value="${formKey}">
    <button aria-describedby="verify-hint">Verify it now</button>
    <p class="hint" id="verify-hint">Its agent reads every file and compares them with its last good receipt. Nothing is written.</p>
  </form>`;
}

const NOT_IN_FLEET = 'The fleet file does not name it. The page Fleet shows the servers that there are.';
const FEW_ORDERS = 20;
const MANY_ORDERS = 200;
