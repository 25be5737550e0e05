/** A state of the Amazon States Language, as far as it matters for counting. */
export interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly Choice[];
  readonly ItemProcessor?: Workflow;
}

interface Choice {
  readonly Variable?: string;
  readonly StringEquals?: string;
  readonly BooleanEquals?: boolean;
  readonly Next: string;
}

/** `functions/sync.asl.json`, read. */
export interface Workflow {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** What a run finds on its way; asked with how often the state was entered before. */
export interface Course {
  /** What a variable of a Choice holds. */
  readonly valueOf: (variable: string, visit: number) => string | boolean;
  /** How many items a Map has. */
  readonly itemsOf: (map: string, visit: number) => number;
}

export interface Transitions {
  /** States entered, those of child executions included. Step Functions bills each, and each retry of one. */
  readonly states: number;
  /** The execution itself and the children of its distributed Maps. */
  readonly executions: number;
}

export function countTransitions(workflow: Workflow, course: Course): Transitions {
  let [states, executions] = [0, 1];
  for (const { name, state, visit } of statesEntered(workflow, course)) {
    states++;
    if (state.ItemProcessor !== undefined) {
      const child = countTransitions(state.ItemProcessor, course);
      const items = course.itemsOf(name, visit);
      states += items * child.states;
      executions += items * child.executions;
    }
  }
  return { states, executions };
}

/** From the start of the definition to its end, without an error on the way; those of its Maps are not among them. */
export function* statesEntered(
  workflow: Workflow,
  course: Course,
): Generator<{ readonly name: string; readonly state: State; readonly visit: number }> {
  const visits = new Map<string, number>();
  for (let name: string | undefined = workflow.StartAt; name !== undefined; ) {
    const state: State = stateOf(workflow, name);
    const visit = visits.get(name) ?? 0;
    visits.set(name, visit + 1);
    yield { name, state, visit };
    name = state.Type === 'Choice' ? choose(state, (variable) => course.valueOf(variable, visit)) : state.Next;
  }
}

function stateOf({ States }: Workflow, name: string): State {
  const state = States[name];
  if (state === undefined) throw new Error(`the workflow has no state ${name}`);
  return state;
}

function choose({ Choices = [], Default }: State, held: (variable: string) => string | boolean): string | undefined {
  const holds = ({ BooleanEquals, StringEquals, Variable = '' }: Choice) =>
    held(Variable) === (StringEquals ?? BooleanEquals);
  return Choices.find(holds)?.Next ?? Default;
}
