/**
 * Every error that crosses a boundary. Names are literals: a minifier renames classes, and a Step Functions
 * `Catch` matches by name alone.
 */
export const ERROR_NAMES = [
  'ApprovalExpired',
  'ApprovalRejected',
  'BadInput',
  'DecisionRefused',
  'ErrorBudgetSpent',
  'Interrupted',
  'InvalidDocument',
  'OrderRefused',
  'PathRefused',
  'ServicePermanent',
  'ServiceTransient',
  'SourceUnavailable',
  'StoreConflict',
  'StorePermanent',
  'StorePrecondition',
  'StoreTransient',
  'SweepUnderWay',
  'TaskTokenGone',
] as const;

export type ErrorName = (typeof ERROR_NAMES)[number];

/** What happened, where, and what to do next, in words for the person who has to act. */
export abstract class LockstepError extends Error {
  abstract override readonly name: ErrorName;
}

/** An argument, a file or a folder that the person gave cannot be used. */
export class BadInput extends LockstepError {
  override readonly name = 'BadInput';
}

/** The person stopped the work. */
export class Interrupted extends LockstepError {
  override readonly name = 'Interrupted';
}

/** Bytes from the store, the network or a file are not the document they should be. */
export class InvalidDocument extends LockstepError {
  override readonly name = 'InvalidDocument';
  readonly what: string;

  constructor(what: string, problem: string, options?: ErrorOptions) {
    super(`${what} is not valid: ${shorten(problem)}`, options);
    this.what = what;
  }
}

/** What is wrong with a document may quote it, and whoever wrote it chose how long that is. */
function shorten(problem: string): string {
  return problem.length > LONGEST_PROBLEM ? `${problem.slice(0, LONGEST_PROBLEM)}…` : problem;
}

const LONGEST_PROBLEM = 1000;

/** A path breaks one of the rules in path-rules.ts. */
export class PathRefused extends LockstepError {
  override readonly name = 'PathRefused';
  readonly path: string;
  readonly rule: string;

  constructor(path: string, rule: string) {
    super(`path ${JSON.stringify(path)} is refused: ${rule}`);
    this.path = path;
    this.rule = rule;
  }
}

/** Why an agent or the plan would not act; nothing was written. */
export const REFUSAL_REASONS = [
  'BAD_SIGNATURE',
  'EXPIRED',
  'GUARD',
  'HOOK_FAILED',
  'NO_PERMISSION',
  'NO_PRE_IMAGES',
  'NO_SPACE',
  'PROTECTED_PATH',
  'REPLAYED',
  'STALE_PLAN',
  'UNREADABLE',
  'WITHDRAWN',
  'WRONG_PLAN',
  'WRONG_SERVER',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** An agent will not do what it was told, and has written nothing. */
export class OrderRefused extends LockstepError {
  override readonly name = 'OrderRefused';
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A decision on a plan cannot be recorded: decided already, expired, another plan, not allowed. */
export class DecisionRefused extends LockstepError {
  override readonly name = 'DecisionRefused';
}

export class ApprovalRejected extends LockstepError {
  override readonly name = 'ApprovalRejected';
}

export class ApprovalExpired extends LockstepError {
  override readonly name = 'ApprovalExpired';
}

export class ErrorBudgetSpent extends LockstepError {
  override readonly name = 'ErrorBudgetSpent';
}

/** The source did not answer, or could not be read. */
export class SourceUnavailable extends LockstepError {
  override readonly name = 'SourceUnavailable';
}

/** The store is being swept: whoever is about to rely on what is in it waits until that has ended. */
export class SweepUnderWay extends LockstepError {
  override readonly name = 'SweepUnderWay';
}

/** The workflow no longer waits for this token: it timed out, or was answered before. */
export class TaskTokenGone extends LockstepError {
  override readonly name = 'TaskTokenGone';
}

abstract class StoreError extends LockstepError {
  readonly key: string;

  constructor(key: string, problem: string, options?: ErrorOptions) {
    super(`store object ${key}: ${problem}`, options);
    this.key = key;
  }
}

/** The condition of a write did not hold (HTTP 412): somebody else was first. Final. */
export class StorePrecondition extends StoreError {
  override readonly name = 'StorePrecondition';
}

/** Two conditional writes met (HTTP 409): whether this one holds is not known; try again. */
export class StoreConflict extends StoreError {
  override readonly name = 'StoreConflict';
}

/** Throttled, timed out, connection lost, HTTP 5xx: the same call may succeed later. */
export class StoreTransient extends StoreError {
  override readonly name = 'StoreTransient';
}

/** No permission, no such bucket, disk full, malformed key: trying again will not help. */
export class StorePermanent extends StoreError {
  override readonly name = 'StorePermanent';
}

abstract class ServiceError extends LockstepError {
  readonly service: string;

  constructor(service: string, problem: string, options?: ErrorOptions) {
    super(`${service}: ${problem}`, options);
    this.service = service;
  }
}

/** What signs, mails or runs the workflow is throttled, too slow, or cannot be reached: the same call may succeed later. */
export class ServiceTransient extends ServiceError {
  override readonly name = 'ServiceTransient';
}

/** No permission, no such key, an address that is refused: trying again will not help. */
export class ServicePermanent extends ServiceError {
  override readonly name = 'ServicePermanent';
}
