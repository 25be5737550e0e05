import type { Hono } from 'hono';
import { html } from 'hono/html';
import { randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client';
import { canonicalJson } from '#core/canonical-json.ts';
import { sha256 } from '#core/digest.ts';
import type { OidcSettings } from '#core/sign-in.ts';
import type { Log } from '../../dependencies.ts';
import type { ConsoleContext, ConsoleEnvironment, SignIn } from '../console-parts.ts';
import { type Html, plainPage } from '../parts/layout.ts';
import { isForm, type Session } from '../session.ts';
import { askedFor } from './asked-for.ts';
import { BegunSignIns } from './begun-sign-ins.ts';
import { IdentityProvider, SignInFailed, type SignInProblem } from './identity-provider.ts';
import { localPath } from './local-path.ts';
import { readClaims } from './read-claims.ts';
import { Sessions } from './sessions.ts';

export interface OpenIdConnectParts {
  readonly settings: OidcSettings;
  /** Of a confidential client; a public one has none. */
  readonly secret: string | undefined;
  /** `https://lockstep.example.org`: registered at the provider is `/sign-in/callback` below it. */
  readonly publicUrl: string;
  /** 32 bytes; of all instances the same. */
  readonly sessionKey: Uint8Array;
  readonly sessionHours: number;
  readonly now: () => Date;
  readonly log: Log;
}

/** People come from an identity provider, and bring their roles along. Nothing is remembered here: it is all with them. */
export class OpenIdConnect implements SignIn {
  readonly #provider: IdentityProvider;
  readonly #sessions: Sessions;
  readonly #begun: BegunSignIns;
  readonly #settings: OidcSettings;
  readonly #log: Log;

  constructor({ log, now, publicUrl, secret, sessionHours, sessionKey, settings }: OpenIdConnectParts) {
    // Other settings give other roles: sessions of before are void.
    const scope = sha256(canonicalJson({ publicUrl, settings }));
    const sealed = { key: sessionKey, scope, now, isSecure: publicUrl.startsWith('https:') };
    this.#provider = new IdentityProvider({ settings, secret, publicUrl });
    this.#sessions = new Sessions({ ...sealed, seconds: sessionHours * 3600 });
    this.#begun = new BegunSignIns(sealed);
    this.#settings = settings;
    this.#log = log;
  }

  mount(app: Hono<ConsoleEnvironment>): void {
    app.get('/sign-in', (context) => this.#explained(context, () => this.#begin(context)));
    app.get('/sign-in/callback', (context) => this.#explained(context, () => this.#finish(context)));
    app.post('/leave', (context) => this.#leave(context));
    app.get('/signed-out', (context) => this.#sayFarewell(context));
  }

  async identify(context: ConsoleContext): Promise<Session | undefined> {
    const session = await this.#sessions.find(context);
    return session === 'expired' ? undefined : session;
  }

  async refuse(context: ConsoleContext): Promise<Response> {
    const back = askedFor(context);
    if ((await this.#sessions.find(context)) === 'expired')
      return await say(context, 401, { title: 'Your session has ended', detail: EXPIRED, back });
    if (isVisit(context)) return context.redirect(wayIn(back), 302);
    return await say(context, 401, { title: 'You are not signed in', detail: 'Nothing was done.', back });
  }

  async #begin(context: ConsoleContext): Promise<Response> {
    const back = localPath(context.req.query('back'));
    const begun = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier(), back };
    const address = await this.#provider.addressFor(begun);
    await this.#begun.keep(context, begun);
    return context.redirect(address.href, 302);
  }

  async #finish(context: ConsoleContext): Promise<Response> {
    const answer = new URL(context.req.url).searchParams;
    const begun = await this.#begun.take(context, answer.get('state') ?? '');
    if (begun === undefined)
      return await say(context, 400, {
        title: 'This is not a sign-in that was begun here',
        detail: FOREIGN,
        back: '/',
      });
    const read = readClaims(await this.#provider.claimsOf(answer, begun), this.#settings);
    // Whoever was signed in before has gone, whatever comes of this.
    this.#sessions.end(context);
    if ('problem' in read) {
      const { person, problem: detail } = read;
      if (person !== undefined) await context.get('audit')({ event: 'sign-in-refused', person, reason: detail });
      return await say(context, 403, { title: 'You have no access here', detail, back: begun.back });
    }
    const { groups, person, roles, tooMany } = read;
    if (tooMany > 0) this.#log('groups-left-out', { person, groups: tooMany, remedy: 'console.oidc.groups.keep' });
    await this.#sessions.begin(context, { person, roles, groups, method: 'oidc' });
    await context.get('audit')({ event: 'sign-in', person, method: 'oidc', roles: [...roles] });
    return context.redirect(begun.back, 302);
  }

  /** The session here ends at once; that at the provider is the person's own to end. */
  async #leave(context: ConsoleContext): Promise<Response> {
    const session = await this.identify(context);
    if (session !== undefined) context.set('session', session);
    if (session !== undefined && !(await isForm(context, session)))
      return await say(context, 403, {
        title: 'You are still signed in',
        detail: 'That was not sent by a page of yours.',
        back: '/',
      });
    this.#sessions.end(context);
    if (session !== undefined) await context.get('audit')({ event: 'sign-out' });
    return context.redirect('/signed-out', 303);
  }

  async #sayFarewell(context: ConsoleContext): Promise<Response> {
    const farewell = await this.#provider.farewell().catch((error: unknown) => {
      if (error instanceof SignInFailed) return undefined;
      throw error;
    });
    const everywhere =
      farewell === undefined
        ? ''
        : html`<p>You are still signed in at the identity provider: <a href="${farewell.href}">sign out there too</a>.</p>`;
    return await context.html(
      plainPage(
        'You have signed out',
        html`${everywhere}<p><a class="button" href="${wayIn('/')}">Sign in again</a></p>`,
      ),
    );
  }

  /** Nobody is signed in by halves: a failure is a page, with a reason and a way on. */
  async #explained(context: ConsoleContext, step: () => Promise<Response>): Promise<Response> {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error;
      const { message, problem } = error;
      this.#log('sign-in-failed', { problem, message });
      const [status, title, detail] = PROBLEMS[problem];
      return await say(context, status, { title, detail, back: '/' });
    }
  }
}

interface Said {
  readonly title: string;
  readonly detail: string;
  /** Where signing in leads to. */
  readonly back: string;
}

async function say(context: ConsoleContext, status: 400 | 401 | 403 | 502 | 503, said: Said): Promise<Response> {
  const { back, detail, title } = said;
  context.set('problem', `${title}: ${detail}`);
  context.header('Cache-Control', 'no-store');
  const body: Html = html`<p>${detail}</p><p><a class="button" href="${wayIn(back)}">Sign in</a></p>`;
  return await context.html(plainPage(title, body), status);
}

function wayIn(back: string): string {
  return back === '/' ? '/sign-in' : `/sign-in?back=${encodeURIComponent(back)}`;
}

/** A person who opens a page; what a script or a stream asks for leads nobody elsewhere. */
function isVisit({ req }: ConsoleContext): boolean {
  const isRead = req.method === 'GET' || req.method === 'HEAD';
  return isRead && (req.header('Sec-Fetch-Mode') ?? 'navigate') === 'navigate';
}

const EXPIRED = 'Nothing was done. Sign in again, and you are led back to the page you were at.';
const FOREIGN =
  'It was begun in another browser, more than ten minutes ago, or has been used already. Nobody was signed in by it.';

const PROBLEMS: Readonly<Record<SignInProblem, readonly [400 | 403 | 502 | 503, string, string]>> = {
  unreachable: [
    503,
    'The identity provider does not answer',
    'Nobody can sign in until it does. Try again in a minute.',
  ],
  denied: [403, 'You were not signed in', 'You, or the identity provider, did not agree to it.'],
  stale: [400, 'This sign-in took too long, or was used before', 'Nobody was signed in by it. Begin anew.'],
  clock: [
    502,
    'The clocks do not agree',
    'What the identity provider has sent is too old, or not valid yet. Whoever runs the console should look at the clock of its machine.',
  ],
  unbelievable: [
    502,
    'What the identity provider says cannot be believed',
    'Nobody was signed in. Whoever runs the console finds the reason in its log, as sign-in-failed.',
  ],
};
