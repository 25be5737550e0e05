import type { z } from 'zod';
import type { Plan } from '#core/plan.ts';
import type { SyncView } from '../observe/observe-sync.ts';
import type { syncViewSchema } from './documents.ts';

export type SyncViewDocument = z.infer<typeof syncViewSchema>;

export function toSyncView(view: SyncView): SyncViewDocument {
  const { begun, cancelled, decision, phase, plan, request, servers, verdict, wave } = view;
  return {
    request,
    phase,
    cancelled,
    begun,
    wave,
    plan: plan?.digest ?? null,
    decision: decision ?? null,
    servers: servers.map(({ progress, receipt, server, step }) => ({
      ...{ server, step },
      progress: progress ?? null,
      receipt: receipt ?? null,
    })),
    verdict: verdict ?? null,
  };
}

/** Back again, for whoever has got both. */
export function fromSyncView(document: SyncViewDocument, plan: Plan | undefined): SyncView {
  const { decision, servers, verdict, ...rest } = document;
  return {
    ...rest,
    plan,
    decision: decision ?? undefined,
    servers: servers.map(({ progress, receipt, ...one }) => ({
      ...one,
      progress: progress ?? undefined,
      receipt: receipt ?? undefined,
    })),
    verdict: verdict ?? undefined,
  };
}
