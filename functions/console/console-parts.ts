import type { Context, Hono } from 'hono';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Executions } from '#core/ports/workflow.ts';
import type { Log } from '../dependencies.ts';
import type { Audit } from './keep-audit.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Session } from './session.ts';

/** What the console stands on. */
export interface ConsoleParts {
  readonly store: ObjectStore;
  /** The public half of the key that signs plans; `undefined` while the store names none. */
  readonly controlKey: () => Promise<string | undefined>;
  readonly executions: Executions;
  readonly signIn: SignIn;
  /** As browsers name it, such as `https://lockstep.example.org`; the first is what people are told. */
  readonly origins: readonly string[];
  /** The address of whoever asks, as far as it is beyond doubt. */
  readonly addressOf?: (context: ConsoleContext) => string | undefined;
  readonly rateLimits?: RateLimits;
  readonly now: () => Date;
  /** Five random hex digits. */
  readonly random: () => string;
  readonly log: Log;
  /** The platform gives an answer out once it is whole: nothing is streamed, and pages ask again and again. */
  readonly holdsAnswers?: true;
  /** Reads the fleet before anybody asks, until then: for a process that lives on behind its answers. */
  readonly readsAheadUntil?: AbortSignal;
}

export interface ConsoleEnvironment {
  readonly Variables: {
    readonly session: Session;
    readonly audit: Audit;
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
