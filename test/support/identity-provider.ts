import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import Provider from 'oidc-provider';

export const CLIENT_ID = 'lockstep';
export const CLIENT_SECRET = 'a secret of the client & its provider';

export type Person = Readonly<Record<string, unknown>>;

/** What a test does to an answer of the token endpoint. */
export type Bend = (tokens: { id_token: string; [name: string]: unknown }) => Promise<unknown> | unknown;

/** A certified provider of OpenID Connect on this machine, with a page where one says who one is, or refuses. */
export class IdentityProviderUnderTest {
  readonly people = new Map<string, Person>();
  /** The private half of what signs its tokens. */
  readonly key: JWK;
  bend: Bend | undefined;
  readonly issuer: string;
  readonly #server: Server;

  private constructor(server: Server, key: JWK) {
    this.#server = server;
    this.issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.key = key;
  }

  /** Consoles at these addresses are its clients. */
  static async start(consoles: readonly string[]): Promise<IdentityProviderUnderTest> {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const key = { ...(await exportJWK(privateKey)), kid: 'first', use: 'sig', alg: 'RS256' };
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const started = new IdentityProviderUnderTest(server, key);
    server.on('request', started.#serve(consoles));
    return started;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(consoles: readonly string[]) {
    const provider = new Provider(this.issuer, {
      clients: [
        {
          client_id: CLIENT_ID,
          client_secret: CLIENT_SECRET,
          redirect_uris: consoles.map((url) => `${url}/sign-in/callback`),
          post_logout_redirect_uris: consoles.map((url) => `${url}/signed-out`),
        },
      ],
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        profile: ['preferred_username', 'groups', 'realm_access'],
      },
      cookies: { keys: ['of this test'] },
      jwks: { keys: [this.key] },
      features: {
        devInteractions: { enabled: false },
        rpInitiatedLogout: { enabled: true, logoutSource: askWhetherToSignOut },
      },
      interactions: { url: (_: unknown, { uid }: { readonly uid: string }) => `/say/${uid}` },
      findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, ...this.people.get(id) }) }),
      ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 60, Interaction: 600, Session: 600 },
    });
    provider.use(async (context, next) => {
      await next();
      if (context.path === '/token' && this.bend !== undefined)
        context.body = await this.bend(context.body as Parameters<Bend>[0]);
    });
    const callback = provider.callback();
    return (request: IncomingMessage, response: ServerResponse) => {
      if (!request.url?.startsWith('/say/')) return void callback(request, response);
      void converse(provider, request, response);
    };
  }
}

async function askWhetherToSignOut(context: { body: unknown }, form: string): Promise<void> {
  context.body = `<!doctype html><title>Sign out?</title>${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`;
}

async function converse(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') return void response.setHeader('Content-Type', 'text/html').end(PAGE);
  const said = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
  const accountId = said.get('name') ?? '';
  if (said.has('refuse')) return await provider.interactionFinished(request, response, { error: 'access_denied' });
  const grant = new provider.Grant({ accountId, clientId: params.client_id ?? '' });
  grant.addOIDCScope(params.scope ?? '');
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { login: { accountId }, consent });
}

const PAGE = `<!doctype html><title>Who are you?</title><form method="post">
  <label>Name <input name="name"></label> <button>Sign in</button> <button name="refuse" value="yes">Refuse</button></form>`;
