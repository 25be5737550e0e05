import type { FunctionName } from '#build/lambda-bundle.ts';
import { keys } from '#core/keys.ts';
import type { StoreAccess } from './content-store.ts';
import { HELD } from './store-keys.ts';

/** What a function is given, and why that much; its memory is in build/lambda-bundle.ts. */
export interface FunctionNeeds extends StoreAccess {
  readonly seconds: number;
  /** Executions that are kept for it, and that it never goes beyond. */
  readonly reserved?: number;
  /** What it does with the control plane's key: whoever signs verifies, too. */
  readonly key?: 'signs' | 'verifies';
  /** How it answers tasks that wait: states:SendTask... */
  readonly answers?: readonly ('Success' | 'Failure' | 'Heartbeat')[];
  readonly mails?: true;
}

/** Seconds; a few calls of S3, repeated with pauses while it is slow. */
const SHORT = 60;
/** As long as a function may run: they go through all destinations of a sync, or through the whole store. */
const LONGEST = 900;

/** An order is numbered, recorded, and only then pointed to. */
const ORDERING = {
  reads: ['requests', 'orderRecords', 'numberedOrders', 'currentOrders', 'receipts', 'enrolments', 'tokens'],
  writes: ['tokens', 'numberedOrders', 'orderRecords', 'currentOrders'],
  deletes: ['tokens'],
} as const;

/** One entry for each folder of functions/ that has a handler.ts. */
export const FUNCTION_NEEDS = {
  inventory: {
    seconds: SHORT,
    key: 'signs',
    answers: ['Success'],
    reads: [...ORDERING.reads, 'sweepLease'],
    writes: [...ORDERING.writes, 'inventoryItems', 'sweepAwaited'],
    deletes: ORDERING.deletes,
  },
  plan: {
    seconds: LONGEST,
    key: 'signs',
    reads: [
      'fleet',
      'requests',
      'receipts',
      'enrolments',
      'manifests',
      'snapshots',
      'indexes',
      'baselines',
      'plans',
      'planBatches',
      'plannedBatches',
      'parts',
    ],
    writes: ['plans', 'planBatches', 'plannedBatches', 'parts', 'waves'],
  },
  approval: {
    seconds: SHORT,
    key: 'verifies',
    answers: ['Success', 'Failure'],
    mails: true,
    reads: ['requests', 'plans', 'decisions', 'cancellations', 'approvalRequests', 'approvalReminders', 'tokens'],
    writes: ['tokens', 'approvalRequests', 'approvalReminders'],
    deletes: ['tokens'],
  },
  apply: {
    seconds: SHORT,
    key: 'signs',
    answers: ['Success'],
    reads: [...ORDERING.reads, 'plans', 'decisions', 'halts', 'cancellations', 'verdicts'],
    writes: ORDERING.writes,
    deletes: ORDERING.deletes,
  },
  report: {
    seconds: LONGEST,
    key: 'verifies',
    mails: true,
    reads: [
      'requests',
      'plans',
      'parts',
      'receipts',
      'enrolments',
      'progress',
      'manifests',
      'currentOrders',
      'numberedOrders',
      'orderRecords',
      'approvalRequests',
      'cancellations',
      'halts',
      'verdicts',
      'baselines',
    ],
    writes: ['waves', 'halts', 'withdrawals', 'baselines', 'verdicts'],
    deletes: ['tokens', 'baselines'],
  },
  signal: {
    seconds: SHORT,
    // A heartbeat that comes late makes a server look lost: no other function may take what this one needs.
    reserved: 50,
    key: 'verifies',
    answers: ['Success', 'Failure', 'Heartbeat'],
    reads: ['receipts', 'progress', 'enrolments', 'decisions', 'plans', 'tokens'],
    writes: ['tokens'],
    deletes: ['tokens'],
  },
  prune: {
    seconds: LONGEST,
    // One sweep at a time; the lease in the store says the same.
    reserved: 1,
    reads: [
      'requests',
      'orderRecords',
      'progress',
      'receipts',
      'manifests',
      'snapshots',
      'indexes',
      'sweepLease',
      'sweepAwaited',
      'sweepMarks',
    ],
    writes: ['withdrawals', 'sweepLease', 'sweepMarks'],
    deletes: ['snapshots', 'indexes', 'packs', 'sweepAwaited'],
    lists: [keys.syncs(), keys.executions(), keys.snapshots(), keys.indexes(), keys.packs()],
  },
  // Only where `lockstep:console` has `oidc`. What an operator and an approver may do, for it acts for both.
  console: {
    // The API in front of it waits for thirty.
    seconds: 29,
    // A crowd at the console must not take what the others need.
    reserved: 20,
    key: 'verifies',
    reads: ['fleet', 'servers', 'syncs', 'snapshots', 'indexes', 'packs', 'accessTokens'],
    writes: ['requests', 'executions', 'cancellations', 'votes', 'decisions', 'accessTokens', 'audit'],
    deletes: ['accessTokens'],
    lists: [keys.syncs(), keys.accessTokens()],
  },
  // Only where `lockstep:objectLock` is set.
  hold: {
    seconds: SHORT,
    holds: HELD,
  },
  start: {
    seconds: SHORT,
    reads: ['verdicts'],
    deletes: ['executions'],
  },
} as const satisfies Record<FunctionName, FunctionNeeds>;
