import { randomUUID } from 'node:crypto';
import { TaskTokenGone } from '#core/errors.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';

/** Seconds; the names that a `Catch` knows them by are `States.Timeout` and `States.HeartbeatTimeout`. */
export interface TaskLimits {
  readonly timeoutSeconds?: number | undefined;
  readonly heartbeatSeconds?: number | undefined;
}

/** An error with the name that the workflow's `Catch` and `Retry` look for. */
class TaskFailure extends Error {
  override readonly name: string;

  constructor(name: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

interface Waiting {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly beat: () => void;
}

/** Task tokens of one process; they die with it, and the execution that runs again makes new ones. */
export class EmbeddedTaskTokens implements TaskTokens {
  readonly #waiting = new Map<string, Waiting>();
  #strangers = 0;

  /** How often a token was answered that nobody waits for here. */
  get strangers(): number {
    return this.#strangers;
  }

  isAwaited(token: string): boolean {
    return this.#waiting.has(token);
  }

  create(): string {
    return randomUUID();
  }

  /** Settles when somebody answers the token, or a limit has passed. */
  wait(token: string, limits: TaskLimits): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timeout = timer(limits.timeoutSeconds, () =>
      reject(new TaskFailure('States.Timeout', `no answer within ${limits.timeoutSeconds} seconds`)),
    );
    const heartbeat = timer(limits.heartbeatSeconds, () =>
      reject(new TaskFailure('States.HeartbeatTimeout', `no sign of life for ${limits.heartbeatSeconds} seconds`)),
    );
    this.#waiting.set(token, { resolve, reject, beat: () => heartbeat?.refresh() });
    return promise.finally(() => {
      clearTimeout(timeout);
      clearTimeout(heartbeat);
      this.#waiting.delete(token);
    });
  }

  async succeed(token: string, output: unknown): Promise<void> {
    this.#find(token).resolve(output);
  }

  async fail(token: string, error: { readonly name: string; readonly message: string }): Promise<void> {
    this.#find(token).reject(new TaskFailure(error.name, error.message));
  }

  async heartbeat(token: string): Promise<void> {
    this.#find(token).beat();
  }

  /** Nobody looks at the answer to this token any more. */
  abandon(token: string): void {
    this.#waiting.get(token)?.reject(new TaskFailure('Interrupted', 'the engine stops'));
  }

  abandonAll(): void {
    for (const token of this.#waiting.keys()) this.abandon(token);
  }

  #find(token: string): Waiting {
    const waiting = this.#waiting.get(token);
    if (waiting !== undefined) return waiting;
    this.#strangers++;
    throw new TaskTokenGone('nobody waits for this answer any more');
  }
}

function timer(seconds: number | undefined, onTime: () => void): NodeJS.Timeout | undefined {
  return seconds === undefined ? undefined : setTimeout(onTime, seconds * 1000);
}
