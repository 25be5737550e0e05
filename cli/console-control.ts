import { InvalidDocument } from '#core/errors.ts';
import { type Plan, planDigest } from '#core/plan.ts';
import type { SyncId } from '#core/sync.ts';
import {
  callerSchema,
  cancelledSchema,
  pastSyncsSchema,
  planDocumentSchema,
  serversSchema,
  syncViewSchema,
  voteCastSchema,
} from '#functions/api/documents.ts';
import { fromSyncView } from '#functions/api/to-sync-view.ts';
import type { ServerOverview } from '#functions/observe/look-at-servers.ts';
import { lookAgain, type SyncView } from '#functions/observe/observe-sync.ts';
import { openConsoleClient } from './console-address.ts';
import type { ConsoleClient } from './console-client.ts';
import type { CommandContext } from './context.ts';
import type { Control, PastSyncDocument } from './control.ts';

/** The control plane behind a console, for whoever has a token and no store. */
export async function openConsoleControl(context: CommandContext): Promise<Control> {
  const client = openConsoleClient(context);
  const { person } = await client.ask('/api/v1/me', { schema: callerSchema, signal: context.signal });
  const look = lookThrough(client);
  return {
    url: context.location.url,
    pollMilliseconds: POLL_MILLISECONDS,
    person,
    lookAtFleet: async (signal) => await lookAtFleet(client, signal),
    listSyncs: async (most, signal) => await listSyncs(client, most, signal),
    look,
    observe: (sync, watch) => lookAgain(() => look(sync, watch.signal), watch),
    vote: async ({ sync, via: _, ...word }) => {
      const { signal } = context;
      const cast = await client.ask(`/api/v1/approvals/${sync}/votes`, { body: word, schema: voteCastSchema, signal });
      return { vote: cast.vote, decision: cast.decision ?? undefined };
    },
    cancel: async (sync) => {
      const { signal } = context;
      await client.ask(`/api/v1/syncs/${sync}/cancel`, { body: {}, schema: cancelledSchema, signal });
    },
  };
}

async function lookAtFleet(client: ConsoleClient, signal: AbortSignal) {
  const servers: ServerOverview[] = [];
  let after = '';
  for (;;) {
    const page = await client.ask(`/api/v1/servers?limit=1000${after}`, { schema: serversSchema, signal });
    for (const { offline, server, status, trouble } of page.servers)
      servers.push({ server, offline, status: status ?? undefined, ...(trouble !== null && { trouble }) });
    if (page.next === null || page.servers.length === 0) return { fleet: page.fleet ?? undefined, servers };
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

async function listSyncs(client: ConsoleClient, most: number, signal: AbortSignal): Promise<PastSyncDocument[]> {
  const syncs: PastSyncDocument[] = [];
  let before = '';
  for (;;) {
    const limit = Math.min(SYNCS_AT_ONCE, most - syncs.length);
    const page = await client.ask(`/api/v1/syncs?limit=${limit}${before}`, { schema: pastSyncsSchema, signal });
    syncs.push(...(page.syncs as PastSyncDocument[]));
    if (page.next === null || page.syncs.length === 0 || syncs.length >= most) return syncs;
    before = `&before=${page.next}`;
  }
}

/** A plan that was read is kept: it never changes. What it hashes to is what a vote binds, so that is looked at here. */
function lookThrough(client: ConsoleClient) {
  const plans = new Map<SyncId, Plan>();
  return async (sync: SyncId, signal: AbortSignal): Promise<SyncView> => {
    const document = await client.ask(`/api/v1/syncs/${sync}`, { schema: syncViewSchema, signal });
    const plan =
      document.plan === null
        ? undefined
        : (plans.get(sync) ?? (await client.ask(`/api/v1/syncs/${sync}/plan`, { schema: planDocumentSchema, signal })));
    if (plan !== undefined) {
      if (plan.sync !== sync || plan.digest !== document.plan || planDigest(plan) !== plan.digest)
        throw new InvalidDocument(`the plan of sync ${sync}`, 'it is not the one that its digest names');
      plans.set(sync, plan);
    }
    return fromSyncView(document, plan);
  };
}

const SYNCS_AT_ONCE = 200;
/** As often as the console itself looks. */
const POLL_MILLISECONDS = 1000;
