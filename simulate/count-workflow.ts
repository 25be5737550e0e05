import type { Definition } from '#embedded/definition.ts';
import type { WorkflowEvent } from '#embedded/engine.ts';
import { EVENTS_OF_EXECUTION, EVENTS_OF_RETRY, eventsOfState } from '#scale/history.ts';

export interface WorkflowCounts {
  /** States entered, those of children included, and retries: what Step Functions bills. */
  readonly transitions: number;
  /** With the children of Maps. */
  readonly executions: number;
  /** Events in the history of the parent, and most in that of a child. */
  readonly parentEvents: number;
  readonly childEvents: number;
  /** Bytes of JSON, the largest input or output of a state; and which. */
  readonly largestPayload: number;
  readonly largestPayloadAt: string;
}

/** What Step Functions would count of an execution that the embedded engine runs, in the terms of the definition itself. */
export class WorkflowCounter {
  readonly #states: ReadonlyMap<string, Definition['States'][string]>;
  readonly #eventsOf = new Map<string, number>();
  readonly #largest = { bytes: 0, at: '' };
  #transitions = 0;
  #executions = 1;

  constructor(definition: Definition) {
    this.#states = new Map(statesIn(definition));
  }

  observe(event: WorkflowEvent): void {
    switch (event.type) {
      case 'MapIterationStarted':
        this.#executions++;
        return;
      case 'MapIterationSucceeded': {
        const { name } = event.parentState;
        // The interpreter adds what the child ended with, though its types do not say so.
        const { output } = event as { readonly output?: unknown };
        this.#results.set(name, (this.#results.get(name) ?? 1) + 1 + bytesOf(output));
        return;
      }
      case 'StateEntered':
        this.#enter(event.state.name, event);
        this.#weigh(`input of ${event.state.name}`, event.state.input);
        return;
      case 'StateExited':
        if (this.#states.get(event.state.name)?.ItemProcessor !== undefined) this.#leaveMap(event.state.name);
        this.#weigh(`output of ${event.state.name}`, event.state.output);
        return;
      case 'StateRetried':
        this.#transitions++;
        this.#add(event, EVENTS_OF_RETRY);
        return;
      default:
        return;
    }
  }

  counts(): WorkflowCounts {
    const children = [...this.#eventsOf].filter(([execution]) => execution !== PARENT).map(([, events]) => events);
    return {
      transitions: this.#transitions,
      executions: this.#executions,
      parentEvents: EVENTS_OF_EXECUTION + (this.#eventsOf.get(PARENT) ?? 0),
      childEvents: EVENTS_OF_EXECUTION + children.reduce((most, events) => Math.max(most, events), 0),
      largestPayload: this.#largest.bytes,
      largestPayloadAt: this.#largest.at,
    };
  }

  /** Bytes of the array of what the children of a Map answered: its result, before ResultPath drops it. */
  readonly #results = new Map<string, number>();

  #leaveMap(name: string): void {
    this.#note(`result of ${name}`, this.#results.get(name) ?? 0);
    this.#results.delete(name);
  }

  #enter(name: string, event: WorkflowEvent): void {
    const state = this.#states.get(name);
    // A state that only the lowered definition has: it reads the items of a Map, which AWS does itself.
    if (state === undefined) return;
    this.#transitions++;
    this.#add(event, eventsOfState(state));
    if (state.ItemProcessor !== undefined) this.#visits++;
  }

  /** Of Maps: the children of two of them are not the same. */
  #visits = 0;

  #add(event: WorkflowEvent, events: number): void {
    const execution = 'index' in event ? `${this.#visits} ${event.index}` : PARENT;
    this.#eventsOf.set(execution, (this.#eventsOf.get(execution) ?? 0) + events);
  }

  #weigh(at: string, payload: unknown): void {
    this.#note(at, bytesOf(withoutItems(payload)));
  }

  #note(at: string, bytes: number): void {
    if (bytes > this.#largest.bytes) Object.assign(this.#largest, { bytes, at });
  }
}

function* statesIn({ States }: Definition): Generator<[string, Definition['States'][string]]> {
  for (const [name, state] of Object.entries(States)) {
    yield [name, state];
    if (state.ItemProcessor !== undefined) yield* statesIn(state.ItemProcessor);
  }
}

/** Those of a Map, which AWS reads from the store and never carries. */
function withoutItems(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || !('items' in payload) || !('timeouts' in payload))
    return payload;
  const { items: _, ...rest } = payload;
  return rest;
}

function bytesOf(payload: unknown): number {
  return Buffer.byteLength(JSON.stringify(payload) ?? '');
}

const PARENT = 'parent';
