import type { Tasks } from './hash-worker.ts';

export type TaskName = keyof Tasks;

/** Every message names its conversation. */
export type FromPool =
  | { readonly kind: 'start'; readonly id: number; readonly task: TaskName; readonly input: unknown }
  | { readonly kind: 'next'; readonly id: number; readonly reply: unknown }
  | { readonly kind: 'stop'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'step'; readonly id: number; readonly done: boolean; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly system: SystemFault };

/** What Node says about a failed system call, as far as it says so. */
export interface SystemFault {
  readonly code?: string | undefined;
  readonly path?: string | undefined;
  readonly syscall?: string | undefined;
}
