import type { StateMachine as Machine, StateMachineDefinition } from 'aws-local-stepfunctions';
import * as z from 'zod';
import { Interrupted } from '#core/errors.ts';
import type { SyncId } from '#core/sync.ts';
import { type Definition, LIMITS, lowerDefinition, WAITS_FOR_TOKEN } from './definition.ts';
import { StateMachine } from './interpreter.ts';
import type { EmbeddedTaskTokens, TaskLimits } from './task-tokens.ts';

/** A state entered, left, failed, tried again or caught, or the beginning or end of an item of a Map. */
export type WorkflowEvent = ReturnType<Machine['run']>['eventLogs'] extends AsyncGenerator<infer E> ? E : never;

/** What a Lambda function is here: payload in, payload out. */
export type EmbeddedFunction = (payload: unknown) => Promise<unknown>;

const taskInputSchema = z.object({
  FunctionName: z.string(),
  Payload: z.looseObject({ token: z.string().optional() }),
  [LIMITS]: z.object({ timeoutSeconds: z.number().optional(), heartbeatSeconds: z.number().optional() }),
});

export interface EngineParts {
  readonly definition: Definition;
  /** By the name that the definition gives them: `${PlanFunction}`. */
  readonly functions: Readonly<Record<string, EmbeddedFunction>>;
  readonly tokens: EmbeddedTaskTokens;
  /** Once it aborts, every execution ends and no function is called any more. */
  readonly signal: AbortSignal;
  /** Told of each task that waits for a token before its function runs; what it returns is called when that is over. */
  readonly watch: (functionName: string, payload: Readonly<Record<string, unknown>>) => () => void;
  /** Told of all that happens in an execution, in the words of the lowered definition. */
  readonly observe?: ((event: WorkflowEvent) => void) | undefined;
}

/** Runs the workflow definition on this machine, as Step Functions would. */
export class Engine {
  readonly #parts: EngineParts;
  readonly #machine: Machine;
  readonly #handlers: Record<string, (input: unknown) => Promise<unknown>>;
  readonly #atWork = new Set<Promise<unknown>>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const lowered = lowerDefinition(parts.definition);
    this.#machine = new StateMachine(lowered as unknown as StateMachineDefinition, {
      validationOptions: { noValidate: true },
    });
    this.#handlers = this.#handlersOf(lowered);
  }

  /** Resolves at `Succeed`, or when the signal aborts; rejects with the error of `Fail`. */
  async run(sync: SyncId): Promise<void> {
    const { tokens, signal } = this.#parts;
    const context = {
      Execution: { Name: sync },
      Task: {
        get Token() {
          return tokens.create();
        },
      },
    };
    const overrides = { taskResourceLocalHandlers: this.#handlers as never };
    const execution = this.#machine.run({ sync }, { overrides, context, noThrowOnAbort: true });
    signal.addEventListener('abort', execution.abort, { once: true });
    try {
      const [ended] = await Promise.allSettled([execution.result, this.#follow(execution.eventLogs)]);
      if (ended.status === 'rejected') throw ended.reason;
    } finally {
      signal.removeEventListener('abort', execution.abort);
    }
  }

  /** The interpreter keeps its events until somebody takes them: ten thousand servers are a hundred thousand of them. */
  async #follow(events: AsyncIterable<WorkflowEvent>): Promise<void> {
    for await (const event of events) this.#parts.observe?.(event);
  }

  /** Resolves when the functions that were at work when the signal aborted have come to their end. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#atWork);
  }

  /** The interpreter finds a task's function by the name of its state, at any depth. */
  #handlersOf(definition: Definition): Record<string, (input: unknown) => Promise<unknown>> {
    const handlers: Record<string, (input: unknown) => Promise<unknown>> = {};
    for (const [name, state] of Object.entries(definition.States)) {
      if (state.Type === 'Task') {
        const waits = state.Resource?.endsWith(WAITS_FOR_TOKEN) === true;
        handlers[name] = (input) => this.#runTask(input, waits);
      }
      if (state.ItemProcessor !== undefined) Object.assign(handlers, this.#handlersOf(state.ItemProcessor));
    }
    return handlers;
  }

  async #runTask(input: unknown, waits: boolean): Promise<unknown> {
    const { FunctionName, Payload, [LIMITS]: limits } = taskInputSchema.parse(input);
    const run = this.#parts.functions[FunctionName];
    if (run === undefined) throw new Error(`the workflow names an unknown function ${FunctionName}`);
    if (!waits || Payload.token === undefined) return { Payload: (await this.#call(run, Payload)) ?? {} };
    const forget = this.#parts.watch(FunctionName, Payload);
    try {
      return await this.#waitForToken(run, { ...Payload, token: Payload.token }, limits);
    } finally {
      forget();
    }
  }

  async #waitForToken(
    run: EmbeddedFunction,
    payload: { readonly token: string },
    limits: TaskLimits,
  ): Promise<unknown> {
    const answer = this.#parts.tokens.wait(payload.token, limits);
    // A limit may pass while the function still runs; it is looked at below.
    answer.catch(() => undefined);
    try {
      await this.#call(run, payload);
    } catch (error) {
      this.#parts.tokens.abandon(payload.token);
      throw error;
    }
    return await answer;
  }

  /** Once it is aborted the interpreter retries without a pause, and looks no more at what still runs. */
  async #call(run: EmbeddedFunction, payload: unknown): Promise<unknown> {
    if (this.#parts.signal.aborted) throw new Interrupted('the engine stops');
    const work = run(payload);
    this.#atWork.add(work);
    try {
      return await work;
    } finally {
      this.#atWork.delete(work);
    }
  }
}
