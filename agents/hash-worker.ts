import { parentPort } from 'node:worker_threads';
import { cutFiles } from './cut-files.ts';
import { checkPieces } from './file-piece.ts';
import { hashFiles } from './hash-files.ts';
import { lookAtFolders } from './look-at-folders.ts';
import { sealFiles } from './seal-files.ts';
import { seedFiles } from './seed-files.ts';
import { copyChunks, unpackChunks } from './unpack-chunks.ts';
import type { FromPool, FromWorker } from './worker-messages.ts';

/**
 * The work that runs in threads. Each task is a generator: what it yields goes to the main thread, which
 * answers when it is ready for more, so that a slow store holds back a fast disk.
 */
const TASKS = {
  check: checkPieces,
  copy: copyChunks,
  cut: cutFiles,
  hash: hashFiles,
  look: lookAtFolders,
  seal: sealFiles,
  seed: seedFiles,
  unpack: unpackChunks,
} as const;

export type Tasks = typeof TASKS;

type AnyTask = (input: unknown) => Generator<unknown, unknown, unknown>;

const running = new Map<number, Generator<unknown, unknown, unknown>>();
parentPort?.on('message', (message: FromPool) => {
  const answer = take(message);
  if (answer !== undefined) parentPort?.postMessage(answer, transferable(answer));
});

function take(message: FromPool): FromWorker | undefined {
  const { id } = message;
  try {
    switch (message.kind) {
      case 'start':
        running.set(id, (TASKS[message.task] as AnyTask)(message.input));
        return step(id, undefined);
      case 'next':
        return step(id, message.reply);
      case 'stop':
        running.get(id)?.return(undefined);
        running.delete(id);
        return undefined;
    }
  } catch (error) {
    running.delete(id);
    return { kind: 'failed', id, ...described(error) };
  }
}

function step(id: number, reply: unknown): FromWorker {
  const task = running.get(id);
  if (task === undefined) throw new Error(`no task ${id} is running here`);
  const { done, value } = task.next(reply);
  if (done === true) running.delete(id);
  return { kind: 'step', id, done: done === true, value };
}

/** Large bytes move, they are not copied. */
function transferable(answer: FromWorker): ArrayBuffer[] {
  if (answer.kind !== 'step' || typeof answer.value !== 'object' || answer.value === null) return [];
  const { bytes } = answer.value as { readonly bytes?: unknown };
  return bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

function described(error: unknown): Pick<Extract<FromWorker, { readonly kind: 'failed' }>, 'message' | 'system'> {
  if (!(error instanceof Error)) return { message: String(error), system: {} };
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  return { message: error.message, system: { code, path, syscall } };
}
