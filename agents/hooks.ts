import { setTimeout as wait } from 'node:timers/promises';
import { OrderRefused } from '#core/errors.ts';
import type { HookResult } from '#core/receipt.ts';
import type { Activation } from './activate.ts';
import { markHooksBegun } from './apply-state.ts';
import type { AgentContext } from './context.ts';
import type { Hook } from './hook-settings.ts';
import { forgetHook, noteHook } from './left-hook.ts';
import { runProgram } from './run-program.ts';

type HookContext = Pick<AgentContext, 'hookEnvironment' | 'hooks' | 'log' | 'server' | 'stateFolder'>;

/** What was run before this process took over. */
export interface FormerHooks {
  readonly hasBegun: boolean;
  readonly results: readonly HookResult[];
}

/** The operator's programs around one apply, and how each of them ended. */
export class ApplyHooks {
  readonly #context: HookContext;
  readonly #activation: Activation;
  readonly #results: HookResult[];
  #hasBegun: boolean;

  constructor(context: HookContext, activation: Activation, former: FormerHooks = { hasBegun: false, results: [] }) {
    this.#context = context;
    this.#activation = activation;
    this.#results = [...former.results];
    this.#hasBegun = former.hasBegun;
  }

  /** For the receipt. */
  get results(): { readonly hooks?: HookResult[] } {
    return this.#results.length === 0 ? {} : { hooks: this.#results.slice(-MOST_RESULTS) };
  }

  /** Whether a before or after hook may have run, and there is an after hook to put that right. */
  get mustStartAgain(): boolean {
    return this.#hasBegun && this.#context.hooks?.after !== undefined;
  }

  /** Whether there is one. Throws OrderRefused when it fails: nothing is written then. */
  async before(): Promise<boolean> {
    const hook = this.#context.hooks?.before;
    if (hook === undefined) return false;
    await this.#begin();
    const result = await this.#run('before', hook);
    if (result.outcome !== 'succeeded') throw new OrderRefused('HOOK_FAILED', describe(result));
    return true;
  }

  /** Throws when it fails. */
  async after(): Promise<void> {
    const hook = this.#context.hooks?.after;
    if (hook === undefined) return;
    await this.#begin();
    const result = await this.#run('after', hook);
    if (result.outcome !== 'succeeded') throw new Error(describe(result));
  }

  /** Asks again and again until it ends well; throws when its time is up. */
  async check(): Promise<void> {
    const hook = this.#context.hooks?.check;
    if (hook === undefined) return;
    const begun = performance.now();
    const deadline = begun + hook.timeoutSeconds * 1000;
    for (let attempt = 1; ; attempt++) {
      const last = await this.#run('check', hook, deadline - performance.now());
      const isOver = performance.now() + hook.intervalSeconds * 1000 >= deadline;
      if (last.outcome !== 'succeeded' && !isOver) {
        this.#results.pop();
        await wait(hook.intervalSeconds * 1000);
        continue;
      }
      const outcome = last.outcome === 'succeeded' ? 'succeeded' : 'timed-out';
      const status = `${last.status} at attempt ${attempt}`;
      const result = { ...last, outcome, status, seconds: secondsSince(begun) } as const;
      this.#results[this.#results.length - 1] = result;
      if (outcome === 'succeeded') return;
      throw new Error(describe(result));
    }
  }

  /** Behind an undo: starts again what was stopped, or what runs on the files that are gone. Says how that went. */
  async startAgain(): Promise<string> {
    const hook = this.#context.hooks?.after;
    if (!this.mustStartAgain || hook === undefined) return '';
    const result = await this.#run('undo', hook);
    if (result.outcome === 'succeeded') return '; the after hook was run again';
    return `; then ${describe(result)}: see whether what the hooks stop and start is running`;
  }

  async #begin(): Promise<void> {
    this.#hasBegun = true;
    await markHooksBegun(this.#activation.work);
  }

  async #run(name: HookResult['name'], hook: Hook, milliseconds = hook.timeoutSeconds * 1000): Promise<HookResult> {
    const { hookEnvironment = {}, log, stateFolder } = this.#context;
    const { journal, work } = this.#activation;
    const begun = performance.now();
    const timeoutMilliseconds = Math.max(1, Math.ceil(milliseconds));
    const end = await runProgram({
      command: hook.command,
      folder: stateFolder,
      environment: { ...hookEnvironment, ...this.#variables(name) },
      timeoutMilliseconds,
      onStarted: (processId) => this.#note(() => noteHook(work, processId, timeoutMilliseconds)),
    });
    this.#note(() => forgetHook(work));
    const result = { name, ...end, seconds: secondsSince(begun) };
    this.#results.push(result);
    log('hook-ended', { order: journal.header.order.order, hook: name, outcome: end.outcome, status: end.status });
    return result;
  }

  /** Only a recovery behind a kill has a use for it: on a full disk the hook goes on. */
  #note(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#context.log('hook-not-noted', { problem: (error as Error).message });
    }
  }

  #variables(name: HookResult['name']): Readonly<Record<string, string>> {
    const { header, operations } = this.#activation.journal;
    const classes = operations.flatMap((operation) => ('class' in operation ? [operation.class] : []));
    return {
      LOCKSTEP_STEP: name,
      LOCKSTEP_SYNC: header.order.sync,
      LOCKSTEP_SERVER: this.#context.server,
      LOCKSTEP_MODE: header.mode,
      LOCKSTEP_CLASSES: [...new Set(classes)].sort().join(','),
      LOCKSTEP_ROOT: this.#activation.root,
    };
  }
}

/** `undo` is the after hook. */
function describe({ name, output, seconds, status }: HookResult): string {
  const hook = name === 'undo' ? 'after' : name;
  const last = output.split('\n').at(-1)?.slice(-MOST_QUOTED) ?? '';
  return `the ${hook} hook failed: ${status}, after ${seconds} seconds${last === '' ? '' : `, last output: ${last}`}`;
}

function secondsSince(begun: number): number {
  return Math.round(performance.now() - begun) / 1000;
}

const MOST_RESULTS = 20;
const MOST_QUOTED = 400;
