/** One alarm of the stack: what it says, and the heading of docs/runbook.md that says what to do. */
export interface AlarmMeaning {
  readonly means: string;
}

/** By the name of the alarm; the runbook has a section `### NAME` for each. */
export const ALARMS = {
  SyncNotSucceeded: { means: 'a sync ended otherwise than well: failed, halted, rejected, expired' },
  WorkflowBroken: { means: 'an execution was aborted, timed out, or Step Functions slowed it down' },
  FunctionErrors: {
    means:
      'functions failed more than twenty times in five minutes; a few are repeated, or end a sync with its own alarm',
  },
  FunctionThrottled: { means: 'a function was not let run: too many at once for the account, or for what is reserved' },
  PlanNearItsLimit: { means: 'a plan took more than twelve of the fifteen minutes that a function may run' },
  SignalsLate: {
    means: 'answers of agents wait in the queue for more than a minute; servers may be taken for offline',
  },
  SignalsLost: { means: 'an answer or a decision could not be brought to the workflow, or a record could not be held' },
  StartsLost: { means: 'a sync was asked for, and could not be started' },
  SweepsLost: { means: 'the sweep of the store could not be run' },
  SignalsRefused: { means: 'somebody wrote an answer that its agent did not sign, or that does not hold' },
  ConsoleFailing: { means: 'the console answered people with errors of its own, or did not answer in time' },
  ServersOffline: { means: 'servers of a sync gave no sign of life' },
} as const satisfies Readonly<Record<string, AlarmMeaning>>;

export type AlarmName = keyof typeof ALARMS;

/** The section's address, as GitHub makes it of a heading. */
export function runbookSection(runbook: string, name: AlarmName): string {
  return `${runbook}#${name.toLowerCase()}`;
}
