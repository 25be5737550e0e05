import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  clockTolerance,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  ResponseBodyError,
} from 'openid-client';
import type { OidcSettings } from '#core/sign-in.ts';
import type { BegunSignIn } from './begun-sign-ins.ts';
import { type Claims, lacksClaims } from './read-claims.ts';

export interface ProviderSettings {
  readonly settings: OidcSettings;
  /** Of a confidential client; a public one has none. */
  readonly secret: string | undefined;
  /** `https://lockstep.example.org`: the ways back from the provider are below it. */
  readonly publicUrl: string;
}

/** Why nobody was signed in. */
export type SignInProblem = 'unreachable' | 'denied' | 'stale' | 'clock' | 'unbelievable';

export class SignInFailed extends Error {
  override readonly name = 'SignInFailed';
  readonly problem: SignInProblem;

  constructor(problem: SignInProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}

/** The other party of the sign-in, by OpenID Connect: authorization code, PKCE, state and nonce. Throws SignInFailed. */
export class IdentityProvider {
  readonly #asked: ProviderSettings;
  #known: { readonly configuration: Promise<Configuration>; readonly at: number } | undefined;

  constructor(asked: ProviderSettings) {
    this.#asked = asked;
  }

  /** Where the person goes to sign in. */
  async addressFor({ nonce, state, verifier }: BegunSignIn): Promise<URL> {
    const { settings } = this.#asked;
    return buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: this.#callback.href,
      scope: ['openid', ...settings.scopes].join(' '),
      ...{ state, nonce, code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' },
    });
  }

  /** What it says of the person who came back with these parameters. */
  async claimsOf(answer: URLSearchParams, { nonce, state, verifier }: BegunSignIn): Promise<Claims> {
    const configuration = await this.#configuration();
    const came = this.#callback;
    came.search = answer.toString();
    const checks = { expectedNonce: nonce, expectedState: state, pkceCodeVerifier: verifier, idTokenExpected: true };
    try {
      const tokens = await authorizationCodeGrant(configuration, came, checks);
      const claims = tokens.claims();
      if (claims === undefined) throw new SignInFailed('unbelievable', 'the identity provider sent no id token');
      if (configuration.serverMetadata().userinfo_endpoint === undefined || !lacksClaims(claims, this.#asked.settings))
        return claims;
      return { ...(await fetchUserInfo(configuration, tokens.access_token, claims.sub)), ...claims };
    } catch (error) {
      throw toSignInFailed(error);
    }
  }

  /** Where a person signs out of the provider itself; `undefined` where that is not offered. */
  async farewell(): Promise<URL | undefined> {
    const configuration = await this.#configuration();
    if (configuration.serverMetadata().end_session_endpoint === undefined) return undefined;
    const back = new URL('/signed-out', this.#asked.publicUrl).href;
    return buildEndSessionUrl(configuration, { post_logout_redirect_uri: back });
  }

  /** From what is configured, never from what a request says of its host. */
  get #callback(): URL {
    return new URL('/sign-in/callback', this.#asked.publicUrl);
  }

  /** At the first sign-in, and again every hour; a failure is not remembered. */
  async #configuration(): Promise<Configuration> {
    if (this.#known === undefined || performance.now() - this.#known.at > FRESH_MILLISECONDS)
      this.#known = { configuration: discover(this.#asked), at: performance.now() };
    const { configuration } = this.#known;
    try {
      return await configuration;
    } catch (error) {
      if (this.#known?.configuration === configuration) this.#known = undefined;
      throw toSignInFailed(error);
    }
  }
}

async function discover({ secret, settings }: ProviderSettings): Promise<Configuration> {
  const issuer = new URL(settings.issuer);
  const configuration = await discovery(
    issuer,
    settings['client-id'],
    { [clockTolerance]: 30 },
    authentication(secret),
    {
      timeout: TIMEOUT_SECONDS,
      // The signature is looked at, although the token came over TLS from the provider itself.
      execute: [enableNonRepudiationChecks, ...(issuer.protocol === 'http:' ? [allowInsecureRequests] : [])],
    },
  );
  const said = configuration.serverMetadata().issuer;
  // One address for many issuers: whoever administers any of them could give out roles here.
  if (!URL.canParse(said) || new URL(said).href !== issuer.href)
    throw new SignInFailed('unbelievable', `the identity provider at ${settings.issuer} calls itself ${said}`);
  return configuration;
}

/** As the provider wants it; by default in the header, as OpenID Connect has it. */
function authentication(secret: string | undefined): Parameters<typeof discovery>[3] {
  if (secret === undefined) return None();
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    (methods.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}

function toSignInFailed(error: unknown): SignInFailed {
  if (error instanceof SignInFailed) return error;
  if (!(error instanceof Error)) return new SignInFailed('unbelievable', String(error));
  return new SignInFailed(problemOf(error), describe(error), { cause: error });
}

function problemOf(error: Error): SignInProblem {
  if (error instanceof AuthorizationResponseError) return error.error === 'access_denied' ? 'denied' : 'unbelievable';
  if (error instanceof ResponseBodyError) return error.error === 'invalid_grant' ? 'stale' : 'unbelievable';
  if (error instanceof ClientError) return BY_CODE[error.code ?? ''] ?? 'unbelievable';
  // What fetch throws where nobody answers.
  return error instanceof TypeError && error.cause !== undefined ? 'unreachable' : 'unbelievable';
}

const BY_CODE: Readonly<Record<string, SignInProblem>> = {
  OAUTH_TIMEOUT: 'unreachable',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'unreachable',
  OAUTH_RESPONSE_IS_NOT_JSON: 'unreachable',
  OAUTH_JWT_TIMESTAMP_CHECK_FAILED: 'clock',
};

/** For the log: with what was the matter below, never with a token. */
function describe(error: Error): string {
  const { cause } = error;
  const code = 'error' in error && typeof error.error === 'string' ? `: ${error.error}` : '';
  const below = cause instanceof Error && cause.message !== error.message ? `: ${cause.message}` : '';
  return `${error.message}${code}${below}`;
}

const TIMEOUT_SECONDS = 10;
const FRESH_MILLISECONDS = 3_600_000;
