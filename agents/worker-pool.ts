import { availableParallelism } from 'node:os';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Tasks } from './hash-worker.ts';
import type { FromPool, FromWorker, TaskName } from './worker-messages.ts';

// For its side: the heap of a process that has a pool stays lean.
import './lean-heap.ts';

export type TaskInput<N extends TaskName> = Parameters<Tasks[N]>[0];
export type TaskPiece<N extends TaskName> = ReturnType<Tasks[N]> extends Generator<infer P, unknown, never> ? P : never;
export type TaskResult<N extends TaskName> =
  ReturnType<Tasks[N]> extends Generator<unknown, infer R, never> ? R : never;

/** A task that goes on in a thread: `next` answers its last piece and waits for the following one. */
export interface Conversation<N extends TaskName> {
  next(reply?: unknown): Promise<IteratorResult<TaskPiece<N>, TaskResult<N>>>;
  /** To be called in any case; ends the task when it has not ended by itself. */
  close(): void;
}

export interface RunOptions<N extends TaskName> {
  readonly signal?: AbortSignal | undefined;
  readonly onPiece?: (piece: TaskPiece<N>) => void;
  /** Buffers that the caller gives away. */
  readonly transfer?: readonly ArrayBuffer[];
}

/**
 * Threads for hashing, cutting, unpacking: shared by all agents of a process, started at the first need, and
 * no reason for a process to stay alive while they are idle.
 */
export class WorkerPool {
  readonly #size: number;
  readonly #threads = new Set<Thread>();
  readonly #waiting: ((thread: Thread) => void)[] = [];
  #lastId = 0;
  #closed = false;

  constructor(size: number = Math.min(availableParallelism(), MAX_THREADS)) {
    this.#size = size;
  }

  /** Threads that there may be. */
  get size(): number {
    return this.#size;
  }

  /** Starts them all before the first need, beside what the main thread does until then. */
  start(): void {
    while (!this.#closed && this.#threads.size < this.#size) this.#startThread();
  }

  /** Runs a task to its end. A system error keeps its `code`, `path` and `syscall`. */
  async run<N extends TaskName>(task: N, input: TaskInput<N>, options: RunOptions<N> = {}): Promise<TaskResult<N>> {
    const conversation = await this.open(task, input, options.transfer);
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        const step = await conversation.next();
        if (step.done === true) return step.value;
        options.onPiece?.(step.value);
      }
    } finally {
      conversation.close();
    }
  }

  async open<N extends TaskName>(
    task: N,
    input: TaskInput<N>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Conversation<N>> {
    const thread = await this.#takeThread();
    const id = ++this.#lastId;
    let started = false;
    let ended = false;
    return {
      next: async (reply?: unknown) => {
        const message: FromPool = started ? { kind: 'next', id, reply } : { kind: 'start', id, task, input };
        const answer = thread.ask(message, started ? [] : transfer);
        started = true;
        const step = await answer.catch((error: unknown) => {
          ended = true;
          throw error;
        });
        ended = step.done;
        return { done: step.done, value: step.value } as IteratorResult<TaskPiece<N>, TaskResult<N>>;
      },
      close: () => {
        if (started && !ended) thread.tell({ kind: 'stop', id });
        this.#giveBack(thread);
      },
    };
  }

  /** Ends the threads, whatever they are at. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end()));
    this.#threads.clear();
  }

  #takeThread(): Promise<Thread> {
    if (this.#closed) return Promise.reject(new Error('the worker pool is closed'));
    for (const thread of this.#threads) if (thread.isDead) this.#threads.delete(thread);
    const idle = [...this.#threads].find((thread) => thread.load === 0);
    const fresh = idle === undefined && this.#threads.size < this.#size ? this.#startThread() : undefined;
    const thread = idle ?? fresh ?? this.#leastLoaded();
    if (thread.load >= MAX_LOAD) return new Promise((resolve) => this.#waiting.push(resolve));
    thread.load++;
    return Promise.resolve(thread);
  }

  #startThread(): Thread {
    const thread = new Thread();
    this.#threads.add(thread);
    return thread;
  }

  #leastLoaded(): Thread {
    return [...this.#threads].reduce((least, thread) => (thread.load < least.load ? thread : least));
  }

  #giveBack(thread: Thread): void {
    thread.load--;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#takeThread().then(next, () => next(thread));
  }
}

class Thread {
  /** Conversations that it holds. */
  load = 0;
  isDead = false;
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve(step: Step): void; reject(error: Error): void }>();

  constructor() {
    this.#worker = startWorker({
      // Flags of the process, such as --eval, are not for a thread.
      execArgv: [],
      // Its bytes lie outside of the heap; what is young there is soon garbage.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (message: FromWorker) => this.#take(message));
    this.#worker.on('error', (cause) => this.#die(new Error(`a worker thread failed: ${cause.message}`, { cause })));
    this.#worker.on('exit', (code) =>
      this.#die(new Error(`a worker thread ended unexpectedly with exit code ${code}`)),
    );
    // Last: to listen keeps the process alive.
    this.#worker.unref();
  }

  ask(message: FromPool, transfer: readonly ArrayBuffer[]): Promise<Step> {
    if (this.isDead) return Promise.reject(new Error('a worker thread ended unexpectedly'));
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(message.id, { resolve, reject });
      this.#worker.postMessage(message, [...transfer]);
    });
  }

  tell(message: FromPool): void {
    if (!this.isDead) this.#worker.postMessage(message);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #take(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if (message.kind === 'step') pending?.resolve(message);
    else pending?.reject(Object.assign(new Error(message.message), message.system));
  }

  #die(error: Error): void {
    this.isDead = true;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

interface Step {
  readonly done: boolean;
  readonly value: unknown;
}

/** Beside this file in source; in a bundle, text that lies within it. */
function startWorker(options: WorkerOptions): Worker {
  return typeof BUNDLED_WORKER === 'undefined'
    ? new Worker(new URL('./hash-worker.ts', import.meta.url), options)
    : new Worker(BUNDLED_WORKER, { ...options, eval: true });
}

/** Put in its place by build/bundle-program.ts. */
declare const BUNDLED_WORKER: string | undefined;

const MAX_THREADS = 4;

/** A second conversation fills the pause while the first waits for the main thread. */
const MAX_LOAD = 2;
