import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { InvalidDocument } from '#core/errors.ts';
import { approvalTokenId, keys, orderId, parseExecutionKey, parseSignalKey, type TokenId } from '#core/keys.ts';
import type { Executions } from '#core/ports/workflow.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncId, syncIdSchema } from '#core/sync.ts';
import { apply } from '#functions/apply/apply.ts';
import { approval } from '#functions/approval/approval.ts';
import type { Dependencies } from '#functions/dependencies.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { plan } from '#functions/plan/plan.ts';
import { report } from '#functions/report/report.ts';
import { writeVerdict } from '#functions/report/write-verdict.ts';
import { signal as signalWaiting } from '#functions/signal/signal.ts';
import { parkToken } from '#functions/waiting.ts';
import { type Definition, loadDefinition, READ_ITEMS } from './definition.ts';
import { Engine, type WorkflowEvent } from './engine.ts';
import { type AwaitedTask, EventSource } from './event-source.ts';
import { EmbeddedTaskTokens } from './task-tokens.ts';

export interface ControllerParts extends Omit<Dependencies, 'tokens'> {
  readonly pollMilliseconds: number;
  /** Whether to run what others recorded in the store, too: the one controller of a fleet does. */
  readonly adopt: boolean;
  /** Told of all that the workflow does. */
  readonly observe?: (event: WorkflowEvent) => void;
  /** Around every call of a function, for whoever wants to know what each of them does. */
  readonly around?: Around;
}

type Around = (functionName: string, call: () => Promise<unknown>) => Promise<unknown>;

/** What answers the events of the store, and is in no definition. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a name like those in the definition
const SIGNAL = '${SignalFunction}';

/** How often an execution that ended without a verdict is run again before it is given up as failed. */
const ATTEMPTS = 3;
const PAUSE_MILLISECONDS = 1000;

/** The workflow engine of one machine. Executions that have not ended at its stop go on at the next start. */
export class Controller implements Executions {
  readonly #dependencies: Dependencies;
  readonly #pollMilliseconds: number;
  readonly #tokens: EmbeddedTaskTokens;
  readonly #engine: Engine;
  readonly #events: EventSource;
  readonly #running = new Map<SyncId, Promise<void>>();
  readonly #parked = new Map<TokenId, string>();
  readonly #stopping = new AbortController();
  readonly #loops: Promise<unknown>;

  static async start(parts: ControllerParts): Promise<Controller> {
    return new Controller(parts, loadDefinition());
  }

  private constructor(parts: ControllerParts, definition: Definition) {
    this.#tokens = new EmbeddedTaskTokens();
    this.#dependencies = { ...parts, tokens: this.#tokens };
    this.#pollMilliseconds = parts.pollMilliseconds;
    this.#events = new EventSource(parts.store);
    const around = parts.around ?? ((_name, call) => call());
    this.#engine = new Engine({
      definition,
      functions: surrounded(functionsOf(this.#dependencies), around),
      tokens: this.#tokens,
      signal: this.#stopping.signal,
      watch: (functionName, payload) => this.#watch(awaitedTask(functionName, payload), String(payload.token)),
      observe: parts.observe,
    });
    const loop = {
      pollMilliseconds: parts.pollMilliseconds,
      signal: this.#stopping.signal,
      onError: (error: unknown) => this.#logTrouble(error),
    };
    const delivery = this.#events.run((key) => around(SIGNAL, () => this.#deliver(key)), loop);
    this.#loops = Promise.all([delivery, ...(parts.adopt ? [this.#adoptRecorded()] : [])]);
  }

  async start(sync: SyncId): Promise<void> {
    if (this.#running.has(sync) || this.#stopping.signal.aborted) return;
    const execution = this.#runToVerdict(sync);
    this.#running.set(
      sync,
      execution.catch((error) => this.#logTrouble(error)).finally(() => this.#running.delete(sync)),
    );
  }

  /** This object was just written; saves the wait for the next look. */
  tell(key: string): void {
    this.#events.tell(key);
  }

  /** Resolves when no execution of this sync runs here: it has its verdict, or the controller stops. */
  async idle(sync: SyncId): Promise<void> {
    await this.#running.get(sync);
  }

  /** Resolves when nothing of this controller writes to the store any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#tokens.abandonAll();
    await Promise.all([this.#loops, ...this.#running.values()]);
    await this.#engine.settled();
  }

  #watch(task: AwaitedTask, token: string): () => void {
    const { order, sync } = task;
    const waitsFor = order === undefined ? approvalTokenId(sync) : orderId(sync, order.step, order.server);
    this.#parked.set(waitsFor, token);
    const forget = this.#events.watch(task);
    return () => {
      forget();
      if (this.#parked.get(waitsFor) === token) this.#parked.delete(waitsFor);
    };
  }

  /** A controller that was stopped, and woke up late, may have parked a token of its own over the one of this. */
  async #deliver(key: string): Promise<void> {
    const { strangers } = this.#tokens;
    await signalWaiting(this.#dependencies, key);
    const waitsFor = waitsForOf(key);
    const token = waitsFor && this.#parked.get(waitsFor);
    if (this.#tokens.strangers === strangers || token === undefined || !this.#tokens.isAwaited(token)) return;
    await parkToken(this.#dependencies.store, waitsFor as TokenId, token);
    await signalWaiting(this.#dependencies, key);
  }

  /** Every step may be repeated, so an execution that was lost is simply run again from its input. */
  async #runToVerdict(sync: SyncId): Promise<void> {
    const { store, log } = this.#dependencies;
    for (let attempt = 1; !(await this.#hasVerdict(sync)); attempt++) {
      log('execution-started', { sync, attempt });
      const problem = await this.#engine.run(sync).catch(causeOf);
      if (this.#stopping.signal.aborted) return;
      if (await this.#hasVerdict(sync)) break;
      log('execution-without-verdict', { sync, attempt, problem: String(problem) });
      if (attempt === ATTEMPTS) {
        await this.#giveUp(sync, problem);
        break;
      }
      await this.#pause(PAUSE_MILLISECONDS);
    }
    await store.delete(keys.execution(sync));
    log('execution-ended', { sync });
  }

  async #hasVerdict(sync: SyncId): Promise<boolean> {
    return (await this.#dependencies.store.head(keys.verdict(sync))) !== undefined;
  }

  async #giveUp(sync: SyncId, problem: unknown): Promise<void> {
    const error = { Error: 'ExecutionFailed', Cause: String(problem) };
    try {
      await writeVerdict(this.#dependencies, { sync, ending: 'failed', error });
    } catch (cause) {
      // Without a request that can be read there is nothing to run, now or later.
      if (!(cause instanceof InvalidDocument)) throw cause;
      this.#dependencies.log('execution-abandoned', { sync, problem: cause.message });
    }
  }

  async #adoptRecorded(): Promise<void> {
    const { store } = this.#dependencies;
    while (!this.#stopping.signal.aborted) {
      try {
        for await (const { key } of store.list(keys.executions())) {
          const sync = parseExecutionKey(key);
          if (sync !== undefined) await this.start(sync);
        }
      } catch (error) {
        this.#logTrouble(error);
      }
      await this.#pause(this.#pollMilliseconds);
    }
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #logTrouble(error: unknown): void {
    this.#dependencies.log('controller-trouble', { problem: String(error) });
  }
}

function waitsForOf(key: string): TokenId | undefined {
  const found = parseSignalKey(key);
  if (found === undefined) return undefined;
  return 'order' in found ? found.order : approvalTokenId(found.sync);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? (error.cause ?? error) : error;
}

function functionsOf(dependencies: Dependencies): Record<string, (payload: unknown) => Promise<unknown>> {
  return {
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the names as the definition has them
    '${InventoryFunction}': (payload) => inventory(dependencies, payload),
    '${PlanFunction}': (payload) => plan(dependencies, payload),
    '${ApprovalFunction}': (payload) => approval(dependencies, payload),
    '${ApplyFunction}': (payload) => apply(dependencies, payload),
    '${ReportFunction}': (payload) => report(dependencies, payload),
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: -
    [READ_ITEMS]: (payload) => readItems(dependencies, payload),
  };
}

function surrounded<F extends (payload: unknown) => Promise<unknown>>(functions: Record<string, F>, around: Around) {
  return Object.fromEntries(
    Object.entries(functions).map(([name, run]) => [name, (payload: unknown) => around(name, () => run(payload))]),
  );
}

async function readItems({ store }: Dependencies, payload: unknown): Promise<unknown> {
  const { Key } = z.object({ Key: z.string() }).parse(payload);
  const stored = await store.get(Key);
  return z.array(z.looseObject({})).parse(JSON.parse(Buffer.from(stored?.body ?? '[]').toString()));
}

function awaitedTask(functionName: string, payload: Readonly<Record<string, unknown>>): AwaitedTask {
  const sync = syncIdSchema.parse(payload.sync);
  if (payload.server === undefined) return { sync };
  const step = functionName.includes('Inventory') ? 'inventory' : 'apply';
  return { sync, order: { step, server: serverIdSchema.parse(payload.server) } };
}
