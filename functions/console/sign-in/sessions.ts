import { randomBytes } from 'node:crypto';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as z from 'zod';
import type { ConsoleContext } from '../console-parts.ts';
import { type Session, sessionSchema } from '../session.ts';
import { type Seal, seal, unseal } from './sealed.ts';

export interface SessionSettings {
  /** 32 bytes; of all instances that serve one console the same. */
  readonly key: Uint8Array;
  /** A session counts where this is what it was at its begin: of what decides on roles. */
  readonly scope: string;
  /** Whether browsers reach the console by https. */
  readonly isSecure: boolean;
  readonly seconds: number;
  readonly now: () => Date;
}

/**
 * Sessions that lie with the browser alone, sealed: any instance knows them, none remembers them. So whoever has copied
 * the cookie of one has it until its end, also after its person has signed out.
 */
export class Sessions {
  readonly #seal: Seal;
  readonly #seconds: number;
  readonly #cookie: string;
  readonly #isSecure: boolean;

  constructor({ isSecure, key, now, scope, seconds }: SessionSettings) {
    this.#seal = { key, now, purpose: `session ${scope}` };
    this.#seconds = seconds;
    this.#isSecure = isSecure;
    this.#cookie = isSecure ? `__Host-${COOKIE}` : COOKIE;
  }

  async begin(context: ConsoleContext, who: Omit<Session, 'formKey'>): Promise<void> {
    const session: Session = { ...who, formKey: randomBytes(24).toString('base64url') };
    const text = await seal(this.#seal, { session }, this.#seconds);
    // The browser keeps it a day longer: somebody whose session has ended is told so.
    setCookie(context, this.#cookie, text, { ...this.#attributes, maxAge: Math.ceil(this.#seconds) + DAY });
  }

  async find(context: ConsoleContext): Promise<Session | 'expired' | undefined> {
    const text = getCookie(context, this.#cookie);
    if (text === undefined) return undefined;
    const content = await unseal(this.#seal, contentSchema, text);
    return typeof content === 'object' ? content.session : content;
  }

  end(context: ConsoleContext): void {
    deleteCookie(context, this.#cookie, this.#attributes);
  }

  // Lax: a link in a mail, and the way back from an identity provider, lead here from elsewhere.
  get #attributes() {
    return { httpOnly: true, sameSite: 'Lax', path: '/', secure: this.#isSecure } as const;
  }
}

const contentSchema = z.object({ session: sessionSchema });
const COOKIE = 'lockstep-session';
const DAY = 24 * 3600;
