import { type Course, type State, statesEntered, type Workflow } from './transitions.ts';

/** Events in the history of an execution, without an error on the way. */
export interface History {
  readonly parent: number;
  /** Of one child of each Map. */
  readonly children: Readonly<Record<string, number>>;
}

/** Step Functions ends an execution that has more. Each child of a distributed Map has its own history. */
export const MOST_EVENTS = 25_000;

export function countHistory(workflow: Workflow, course: Course): History {
  const children: Record<string, number> = {};
  let parent = EVENTS_OF_EXECUTION;
  for (const { name, state } of statesEntered(workflow, course)) {
    parent += eventsOfState(state);
    if (state.ItemProcessor !== undefined) children[name] = countHistory(state.ItemProcessor, course).parent;
  }
  return { parent, children };
}

/**
 * What one visit adds, by the types of events that AWS documents. A task: entered, scheduled, started, succeeded, exited;
 * one that waits for its token is submitted, too. A distributed Map: entered, its run started and succeeded, exited.
 */
export function eventsOfState({ Resource, Type }: Pick<State, 'Resource' | 'Type'>): number {
  switch (Type) {
    case 'Task':
      return Resource?.endsWith('.waitForTaskToken') ? 6 : 5;
    case 'Map':
      return 4;
    case 'Fail':
      return 1;
    default:
      return 2;
  }
}

/** Started, succeeded. */
export const EVENTS_OF_EXECUTION = 2;

/** A task that is tried again has failed, and is scheduled and started once more. */
export const EVENTS_OF_RETRY = 3;
