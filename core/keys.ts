import { type Sha256, sha256Schema } from './digest.ts';
import { InvalidDocument } from './errors.ts';
import { type ServerId, serverIdSchema } from './server.ts';
import { type SyncId, syncIdSchema } from './sync.ts';

/** Every object key is made and taken apart here. */
export const keys = {
  fleet: () => 'fleet/fleet.json',
  controlKey: () => 'fleet/control-key.json',

  enrolment: (server: ServerId) => `servers/${server}/enrolment.json`,
  status: (server: ServerId) => `servers/${server}/status.json`,
  currentOrder: (server: ServerId) => `servers/${server}/orders/current.json`,
  order: (server: ServerId, sequence: number) => `servers/${server}/orders/${String(sequence).padStart(10, '0')}.json`,
  progress: (server: ServerId, order: OrderId) => `servers/${server}/progress/${order}.json`,
  receipt: (server: ServerId, order: OrderId) => `servers/${server}/receipts/${order}.json`,
  /** Control: nobody waits for the answer to this order any more. */
  withdrawn: (server: ServerId, order: OrderId) => `servers/${server}/withdrawn/${order}.json`,
  manifest: (server: ServerId, digest: Sha256) => `servers/${server}/manifests/${digest}`,

  snapshots: () => 'snapshots/',
  snapshot: (digest: Sha256) => `snapshots/${digest}`,
  indexes: () => 'indexes/',
  index: (digest: Sha256) => `indexes/${digest}`,
  packs: () => 'packs/',
  pack: (digest: Sha256) => `packs/${digest.slice(0, 2)}/${digest}`,

  /** Control: what syncs have left at this server. */
  baseline: (server: ServerId) => `baselines/${server}.json`,

  syncs: () => 'syncs/',
  request: (sync: SyncId) => `syncs/${sync}/request.json`,
  inventoryItems: (sync: SyncId) => `syncs/${sync}/inventory.json`,
  plan: (sync: SyncId) => `syncs/${sync}/plan.json`,
  /** Which destinations are planned together, where they are too many for one call. */
  planBatches: (sync: SyncId) => `syncs/${sync}/plan-batches.json`,
  planBatch: (sync: SyncId, first: number) => `syncs/${sync}/plan-batches/${first}.json`,
  part: (sync: SyncId, server: ServerId, digest: Sha256) => `syncs/${sync}/parts/${server}/${digest}`,
  waveItems: (sync: SyncId, wave: number) => `syncs/${sync}/waves/${wave}.json`,
  orderRecord: (sync: SyncId, step: OrderStep, server: ServerId) => `syncs/${sync}/orders/${step}/${server}.json`,
  approvalRequested: (sync: SyncId) => `syncs/${sync}/approval-requested.json`,
  approvalReminded: (sync: SyncId) => `syncs/${sync}/approval-reminded.json`,
  votes: (sync: SyncId) => `syncs/${sync}/votes/`,
  vote: (sync: SyncId, voter: Sha256) => `syncs/${sync}/votes/${voter}.json`,
  decision: (sync: SyncId) => `syncs/${sync}/decision.json`,
  cancelled: (sync: SyncId) => `syncs/${sync}/cancelled.json`,
  halted: (sync: SyncId) => `syncs/${sync}/halted.json`,
  verdict: (sync: SyncId) => `syncs/${sync}/verdict.json`,

  tokens: () => 'tokens/',
  token: (waitFor: TokenId) => `tokens/${waitFor}.json`,
  executions: () => 'executions/',
  execution: (sync: SyncId) => `executions/${sync}.json`,

  /** Control: what a token of a program may do, by the digest of its text. */
  accessTokens: () => 'access-tokens/',
  accessToken: (token: Sha256) => `access-tokens/${token}.json`,

  /** The console: who did what, and what he was not let do; `id` is random. */
  audit: (at: Date, id: string) =>
    `audit/${at.toISOString().slice(0, 10)}/${at.toISOString().slice(11, 23).replace(/\D/g, '')}-${id}.json`,

  /** Control: the one controller of the store. */
  controllerLease: () => 'controller/lease.json',

  /** Control: a sweep is at work. */
  sweepLease: () => 'sweep/lease.json',
  /** Control: a sync waits until the sweep has ended. */
  sweepAwaited: () => 'sweep/awaited.json',
  /** Control: what was found to be needed no more, and when first. */
  sweepMarks: () => 'sweep/marks.json',
} as const;

export type OrderStep = 'inventory' | 'apply';

/** One order per sync, step and server: `{sync}-{step}-{site}.{name}`, the same at every attempt. */
export type OrderId = string & { readonly __brand: 'OrderId' };

/** An order, or the approval of a sync. */
export type TokenId = OrderId | `${string}-approval`;

export function orderId(sync: SyncId, step: OrderStep, server: ServerId): OrderId {
  return `${sync}-${step}-${server.replace('/', '.')}` as OrderId;
}

export function approvalTokenId(sync: SyncId): TokenId {
  return `${sync}-approval`;
}

const ORDER_ID = /^(\d{8}T\d{6}Z-[0-9a-f]{8})-(inventory|apply)-([a-z0-9][a-z0-9_-]*)\.([a-z0-9_.-]+)$/;

export function parseOrderId(text: string): OrderId {
  if (!ORDER_ID.test(text)) throw new InvalidDocument('order id', `${JSON.stringify(text)} is not one`);
  return text as OrderId;
}

/** What an agent or an approver wrote that may let the workflow go on. */
export type Signal =
  | { readonly kind: 'receipt' | 'progress'; readonly server: ServerId; readonly order: OrderId }
  | { readonly kind: 'decision' | 'cancelled'; readonly sync: SyncId };

/** `undefined` for every other key. */
export function parseSignalKey(key: string): Signal | undefined {
  const agent = /^servers\/([^/]+\/[^/]+)\/(receipts|progress)\/([^/]+)\.json$/.exec(key);
  if (agent !== null) {
    const [, server = '', folder, order = ''] = agent;
    if (!serverIdSchema.safeParse(server).success || !isOrderFor(server, order)) return undefined;
    return {
      kind: folder === 'receipts' ? 'receipt' : 'progress',
      server: server as ServerId,
      order: order as OrderId,
    };
  }
  const control = /^syncs\/([^/]+)\/(decision|cancelled)\.json$/.exec(key);
  if (control === null) return undefined;
  const sync = syncIdSchema.safeParse(control[1]);
  return sync.success ? { kind: control[2] as 'decision' | 'cancelled', sync: sync.data } : undefined;
}

/** An agent may write any name below its own prefix, also that of another server's order. */
function isOrderFor(server: string, order: string): boolean {
  const [, , , site, name] = ORDER_ID.exec(order) ?? [];
  return `${site}/${name}` === server;
}

/** The sync whose execution this key records. */
export function parseExecutionKey(key: string): SyncId | undefined {
  const sync = syncIdSchema.safeParse(/^executions\/([^/]+)\.json$/.exec(key)?.[1]);
  return sync.success ? sync.data : undefined;
}

/** The digest of the token that this key is of. */
export function parseAccessTokenKey(key: string): Sha256 | undefined {
  return sha256Schema.safeParse(/^access-tokens\/([^/]+)\.json$/.exec(key)?.[1]).data;
}

/** What a sweep may remove. */
export interface ContentKey {
  readonly kind: 'snapshot' | 'index' | 'pack';
  readonly digest: Sha256;
}

/** `undefined` for every key that is not made by `keys.snapshot`, `keys.index` or `keys.pack`. */
export function parseContentKey(key: string): ContentKey | undefined {
  const digest = sha256Schema.safeParse(key.slice(key.lastIndexOf('/') + 1)).data;
  if (digest === undefined) return undefined;
  for (const kind of ['snapshot', 'index', 'pack'] as const) if (keys[kind](digest) === key) return { kind, digest };
  return undefined;
}

/** The sync that this key below `keys.syncs()` belongs to, and the name of the object there. */
export function parseSyncKey(key: string): { readonly sync: SyncId; readonly name: string } | undefined {
  const [, id, name = ''] = /^syncs\/([^/]+)\/(.+)$/.exec(key) ?? [];
  const sync = syncIdSchema.safeParse(id);
  return sync.success ? { sync: sync.data, name } : undefined;
}
