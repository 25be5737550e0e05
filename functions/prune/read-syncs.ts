import pLimit from 'p-limit';
import * as z from 'zod';
import { type Sha256, sha256Schema } from '#core/digest.ts';
import { parseDocument } from '#core/documents.ts';
import { keys, orderId, parseExecutionKey, parseSyncKey } from '#core/keys.ts';
import { longestDuration, longestSilence, type NamedSnapshot } from '#core/retention.ts';
import type { SyncId, SyncRequest } from '#core/sync.ts';
import type { Dependencies } from '../dependencies.ts';
import { loadRequest } from '../sync-documents.ts';
import { withdrawOrder } from '../withdraw-orders.ts';

type ReadDependencies = Pick<Dependencies, 'store' | 'now' | 'log'>;

export interface KnownSyncs {
  readonly named: readonly NamedSnapshot[];
  /** Their sources may be about to count on anything that is in the store. */
  readonly takingStock: readonly SyncRequest[];
}

/**
 * Every sync that was ever requested. With `mayWithdraw`, the order of a source that has fallen silent is withdrawn
 * instead of waited for: should the source still be at work, it refuses to count its snapshot.
 */
export async function readSyncs(
  dependencies: ReadDependencies,
  { assertHeld, mayWithdraw }: { readonly mayWithdraw: boolean; readonly assertHeld: () => Promise<void> },
): Promise<KnownSyncs> {
  const { store } = dependencies;
  const verdicts = new Map<SyncId, boolean>();
  for await (const { key } of store.list(keys.syncs())) {
    const { sync } = parseSyncKey(key) ?? {};
    // Without a request nothing was ever ordered. The request comes first in the order of keys.
    if (sync !== undefined && key === keys.request(sync)) verdicts.set(sync, false);
    if (sync !== undefined && key === keys.verdict(sync) && verdicts.has(sync)) verdicts.set(sync, true);
  }
  const executing = new Set<SyncId>();
  for await (const { key } of store.list(keys.executions())) {
    const sync = parseExecutionKey(key);
    if (sync !== undefined) executing.add(sync);
  }
  const parallel = pLimit(PARALLEL);
  let begun = 0;
  const read = (sync: SyncId, hasVerdict: boolean) =>
    parallel(async () => {
      if (++begun % HELD_FOR === 0) await assertHeld();
      return await readSync(dependencies, sync, { hasVerdict, executes: executing.has(sync), mayWithdraw });
    });
  const known = await Promise.all([...verdicts].map(([sync, hasVerdict]) => read(sync, hasVerdict)));
  return {
    named: known.flatMap(({ named }) => named ?? []),
    takingStock: known.flatMap(({ takingStock }) => takingStock ?? []),
  };
}

interface SyncState {
  readonly hasVerdict: boolean;
  /** A controller goes on with it, now or when it is started. */
  readonly executes: boolean;
  readonly mayWithdraw: boolean;
}

async function readSync(
  dependencies: ReadDependencies,
  sync: SyncId,
  { executes, hasVerdict, mayWithdraw }: SyncState,
): Promise<{ readonly named?: NamedSnapshot; readonly takingStock?: SyncRequest }> {
  const { log, now, store } = dependencies;
  const request = await loadRequest(store, sync);
  // Nothing is uploaded, or counted on, to verify or to roll back.
  if (request.policy.verify === true || request.rollbackOf !== undefined) return {};
  let answer = await readAnswer(dependencies, request);
  if (answer === undefined && !hasVerdict) {
    if (executes || !(await isSilent(dependencies, request))) return { takingStock: request };
    if (mayWithdraw) {
      log('silent-source-withdrawn', { sync, source: request.source });
      await withdrawOrder(dependencies, { sync, step: 'inventory', server: request.source });
      // It may have spoken at the last moment.
      answer = await readAnswer(dependencies, request);
    }
  }
  if (answer?.snapshot === undefined) return {};
  const { requestedAt, source } = request;
  const age = now().getTime() - Date.parse(requestedAt);
  const underWay = !hasVerdict && (executes || age < longestDuration(request));
  return { named: { snapshot: answer.snapshot, sync, source, requestedAt, underWay } };
}

/** Whatever the receipt of a source names stays; whether it is signed is for those who act on it. */
async function readAnswer(
  { store }: ReadDependencies,
  { source, sync }: SyncRequest,
): Promise<{ readonly snapshot: Sha256 | undefined } | undefined> {
  const key = keys.receipt(source, orderId(sync, 'inventory', source));
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  return { snapshot: parseDocument(key, answerSchema, stored.body).payload.snapshot };
}

/** Of a receipt, which another version may have written. */
const answerSchema = z.object({ payload: z.object({ snapshot: sha256Schema.optional() }) });

async function isSilent({ now, store }: ReadDependencies, request: SyncRequest): Promise<boolean> {
  const { source, sync } = request;
  const order = orderId(sync, 'inventory', source);
  const said = [keys.request(sync), keys.orderRecord(sync, 'inventory', source), keys.progress(source, order)];
  const heard = await Promise.all(said.map((key) => store.head(key)));
  const last = Math.max(...heard.map((info) => info?.modified.getTime() ?? 0));
  return now().getTime() - last > longestSilence(request);
}

const PARALLEL = 16;
/** Syncs between two looks at the lease. */
const HELD_FOR = 500;
