import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as z from 'zod';
import { sha256 } from '#core/digest.ts';
import type { ConsoleContext } from '../console-parts.ts';
import { type Seal, seal, unseal } from './sealed.ts';
import type { SessionSettings } from './sessions.ts';

const begunSchema = z.object({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  /** Path of the page first asked for. */
  back: z.string(),
});

export type BegunSignIn = z.infer<typeof begunSchema>;

/** What a browser took along to the identity provider, and must bring back: sealed, one cookie for each that is begun. */
export class BegunSignIns {
  readonly #seal: Seal;
  readonly #prefix: string;
  readonly #isSecure: boolean;

  constructor({ isSecure, key, now, scope }: Omit<SessionSettings, 'seconds'>) {
    this.#seal = { key, now, purpose: `begun ${scope}` };
    this.#isSecure = isSecure;
    this.#prefix = isSecure ? `__Host-${COOKIE}` : COOKIE;
  }

  async keep(context: ConsoleContext, begun: BegunSignIn): Promise<void> {
    const others = Object.keys(getCookie(context)).filter((name) => name.startsWith(this.#prefix));
    // A browser that opens many pages at once begins many; all of their cookies must fit into one request.
    if (others.length >= MOST) for (const name of others) deleteCookie(context, name, this.#attributes);
    const text = await seal(this.#seal, begun, SECONDS);
    setCookie(context, this.#nameFor(begun.state), text, { ...this.#attributes, maxAge: SECONDS });
  }

  /** The one with this state, which is gone from the browser then. */
  async take(context: ConsoleContext, state: string): Promise<BegunSignIn | undefined> {
    const name = this.#nameFor(state);
    const text = getCookie(context, name);
    if (text === undefined) return undefined;
    deleteCookie(context, name, this.#attributes);
    const begun = await unseal(this.#seal, begunSchema, text);
    return typeof begun === 'object' && begun.state === state ? begun : undefined;
  }

  #nameFor(state: string): string {
    return `${this.#prefix}${sha256(state).slice(0, 16)}`;
  }

  get #attributes() {
    return { httpOnly: true, sameSite: 'Lax', path: '/', secure: this.#isSecure } as const;
  }
}

const COOKIE = 'lockstep-begun-';
/** For a person to find his password. */
const SECONDS = 600;
const MOST = 4;
