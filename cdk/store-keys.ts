import type { Sha256 } from '#core/digest.ts';
import { keys, type OrderId, type TokenId } from '#core/keys.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';

/** Keys of the store as policies name them, and why a `*` stands in them. In an ARN it also matches slashes. */
export interface KeyPattern {
  readonly pattern: string;
  /** Absent where nothing is left open. */
  readonly openBecause?: string;
}

const ANY_SYNC = '*' as SyncId;
const ANY_SERVER = '*' as ServerId;
const ANY_ORDER = '*' as OrderId;
const ANY_DIGEST = '*' as Sha256;
const SEQUENCE = '??????????';

const SYNC = 'syncs are named when they are requested, long after the policy is written';
const SERVER = 'which servers a sync concerns stands in its request; servers join without a deployment';
const CONTENT = 'named by the SHA-256 of what is in it, which nobody knows beforehand';
const SHARED = `${CONTENT}; what one server brings is what others fetch`;

/** What control functions and people are given. */
export const STORE_KEYS = {
  fleet: { pattern: keys.fleet() },
  controlKey: { pattern: keys.controlKey() },
  enrolments: { pattern: keys.enrolment(ANY_SERVER), openBecause: SERVER },
  currentOrders: { pattern: keys.currentOrder(ANY_SERVER), openBecause: SERVER },
  numberedOrders: {
    pattern: keys.order(ANY_SERVER, 0).replace(/\d{10}/, SEQUENCE),
    openBecause: `${SERVER}; the ten digits are the order's number`,
  },
  progress: { pattern: keys.progress(ANY_SERVER, ANY_ORDER), openBecause: SERVER },
  receipts: { pattern: keys.receipt(ANY_SERVER, ANY_ORDER), openBecause: SERVER },
  withdrawals: { pattern: keys.withdrawn(ANY_SERVER, ANY_ORDER), openBecause: SERVER },
  manifests: { pattern: keys.manifest(ANY_SERVER, ANY_DIGEST), openBecause: `${SERVER}; ${CONTENT}` },
  servers: { pattern: 'servers/*', openBecause: 'people look at any server of the fleet' },

  snapshots: { pattern: keys.snapshot(ANY_DIGEST), openBecause: SHARED },
  indexes: { pattern: keys.index(ANY_DIGEST), openBecause: SHARED },
  packs: { pattern: keys.pack(ANY_DIGEST), openBecause: SHARED },

  baselines: { pattern: keys.baseline(ANY_SERVER), openBecause: SERVER },

  syncs: { pattern: `${keys.syncs()}*`, openBecause: 'people follow any sync, to its end and afterwards' },
  requests: { pattern: keys.request(ANY_SYNC), openBecause: SYNC },
  inventoryItems: { pattern: keys.inventoryItems(ANY_SYNC), openBecause: SYNC },
  plans: { pattern: keys.plan(ANY_SYNC), openBecause: SYNC },
  planBatches: { pattern: keys.planBatches(ANY_SYNC), openBecause: SYNC },
  plannedBatches: {
    pattern: keys.planBatch(ANY_SYNC, 0).replace('/0.', '/*.'),
    openBecause: `${SYNC}; batches are numbered`,
  },
  parts: { pattern: keys.part(ANY_SYNC, ANY_SERVER, ANY_DIGEST), openBecause: `${SYNC}; ${CONTENT}` },
  waves: { pattern: keys.waveItems(ANY_SYNC, 0).replace('/0.', '/*.'), openBecause: `${SYNC}; waves are numbered` },
  orderRecords: { pattern: keys.orderRecord(ANY_SYNC, '*' as 'apply', ANY_SERVER), openBecause: SYNC },
  approvalRequests: { pattern: keys.approvalRequested(ANY_SYNC), openBecause: SYNC },
  approvalReminders: { pattern: keys.approvalReminded(ANY_SYNC), openBecause: SYNC },
  votes: { pattern: keys.vote(ANY_SYNC, ANY_DIGEST), openBecause: `${SYNC}; named by the voter's digest` },
  decisions: { pattern: keys.decision(ANY_SYNC), openBecause: SYNC },
  cancellations: { pattern: keys.cancelled(ANY_SYNC), openBecause: SYNC },
  halts: { pattern: keys.halted(ANY_SYNC), openBecause: SYNC },
  verdicts: { pattern: keys.verdict(ANY_SYNC), openBecause: SYNC },

  tokens: { pattern: keys.token('*' as TokenId), openBecause: SYNC },
  executions: { pattern: keys.execution(ANY_SYNC), openBecause: SYNC },

  accessTokens: {
    pattern: keys.accessToken(ANY_DIGEST),
    openBecause: 'named by the SHA-256 of the token; people make and revoke them in the console',
  },
  audit: { pattern: 'audit/*', openBecause: 'entries are named by their time' },

  sweepLease: { pattern: keys.sweepLease() },
  sweepAwaited: { pattern: keys.sweepAwaited() },
  sweepMarks: { pattern: keys.sweepMarks() },
} as const satisfies Record<string, KeyPattern>;

export type StoreKey = keyof typeof STORE_KEYS;

/**
 * Created with `If-None-Match: *` and never written again: the bucket itself refuses every other way. Not among them,
 * though written once as a rule: manifests, for a whole one may take the place of a delta whose base is gone; and the
 * parts of a plan, which a repeated step writes again, the same bytes under the same digest.
 */
export const CREATED_ONCE = [
  'controlKey',
  'enrolments',
  'numberedOrders',
  'receipts',
  'snapshots',
  'indexes',
  'packs',
  'requests',
  'plans',
  'plannedBatches',
  'orderRecords',
  'approvalRequests',
  'approvalReminders',
  'votes',
  'decisions',
  'cancellations',
  'halts',
  'verdicts',
  'accessTokens',
  'audit',
] as const satisfies readonly StoreKey[];

/** What an audit rests on: who asked, what was planned, who agreed, what was ordered, what each server answered, what was refused. */
export const HELD = [
  'receipts',
  'requests',
  'plans',
  'orderRecords',
  'votes',
  'decisions',
  'cancellations',
  'verdicts',
  'audit',
] as const satisfies readonly StoreKey[];
