import { CommanderError } from 'commander';
import { LockstepError } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import type { ExitStatus } from './outcome.ts';

export interface Failure {
  readonly exitStatus: ExitStatus;
  /** Lines for stderr; empty when it has been said already. */
  readonly text: string;
}

/** One clear message for whatever stopped a command; where it came from only when `debug` asks for it. */
export function describeFailure(error: unknown, debug: boolean): Failure {
  if (error instanceof CommanderError) return { exitStatus: error.exitCode === 0 ? 0 : 2, text: '' };
  const message = printable(error instanceof Error && error.message !== '' ? error.message : String(error));
  const trace = debug && error instanceof Error ? `\n${traceOf(error)}` : '';
  if (error instanceof LockstepError)
    return { exitStatus: exitStatusOf(error), text: `lockstep: ${message}${trace}\n` };
  const hint = debug ? '' : ' (LOCKSTEP_DEBUG=1 shows where)';
  return { exitStatus: 1, text: `lockstep: ${message}${hint}${trace}\n` };
}

function exitStatusOf(error: LockstepError): ExitStatus {
  switch (error.name) {
    case 'BadInput':
    case 'PathRefused':
      return 2;
    case 'ApprovalExpired':
    case 'ApprovalRejected':
    case 'DecisionRefused':
    case 'OrderRefused':
    case 'SweepUnderWay':
      return 3;
    case 'ErrorBudgetSpent':
    case 'Interrupted':
    case 'InvalidDocument':
    case 'ServicePermanent':
    case 'ServiceTransient':
    case 'SourceUnavailable':
    case 'StoreConflict':
    case 'StorePermanent':
    case 'StorePrecondition':
    case 'StoreTransient':
    case 'TaskTokenGone':
      return 1;
  }
}

function traceOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${traceOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
