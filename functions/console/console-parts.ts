import type { Context, Hono } from 'hono';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Executions } from '#core/ports/workflow.ts';
import type { Log } from '../dependencies.ts';
import type { Session } from './session.ts';

/** What the console stands on. */
export interface ConsoleParts {
  readonly store: ObjectStore;
  /** The public half of the key that signs plans; `undefined` while the store names none. */
  readonly controlKey: () => Promise<string | undefined>;
  readonly executions: Executions;
  readonly signIn: SignIn;
  readonly now: () => Date;
  /** Five random hex digits. */
  readonly random: () => string;
  readonly log: Log;
}

export interface ConsoleEnvironment {
  readonly Variables: {
    readonly session: Session;
    /** What a page said that refused something. */
    readonly problem?: string;
  };
}

export type ConsoleContext = Context<ConsoleEnvironment>;

/** How a person comes to be known. */
export interface SignIn {
  /** Routes that need no session: where one begins and ends. */
  mount(app: Hono<ConsoleEnvironment>): void;
  /** Who asks; `undefined` for nobody that is known. */
  identify(context: ConsoleContext): Promise<Session | undefined>;
  /** The answer to somebody who is not signed in. */
  refuse(context: ConsoleContext): Response | Promise<Response>;
}
