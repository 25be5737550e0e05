import type { Notifier } from '#core/ports/notifier.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { TaskTokens } from '#core/ports/workflow.ts';

/** What the functions stand on; each takes its `Pick` of it. */
export interface Dependencies {
  readonly store: ObjectStore;
  readonly signer: Signer;
  readonly notifier: Notifier;
  readonly tokens: TaskTokens;
  /** Where the console is that mails lead to, whatever a request in the store says of it. */
  readonly consoleUrl?: string | undefined;
  readonly now: () => Date;
  readonly log: Log;
}

/** One structured line per event; never a secret, never a task token. */
export type Log = (event: string, fields: Readonly<Record<string, unknown>>) => void;
