import { randomBytes } from 'node:crypto';
import { type APIGatewayProxyResult, getConnInfo, handle, type LambdaEvent } from 'hono/aws-lambda';
import { StoreExecutions } from '#adapters/store-executions.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { Dependencies } from '../dependencies.ts';
import type { ConsoleSecret } from '../openers/console-secret.ts';
import type { OpenedSettings } from '../openers/console-settings.ts';
import { createConsole } from './console.ts';
import type { ConsoleContext } from './console-parts.ts';
import { OpenIdConnect } from './sign-in/oidc.ts';

type ConsoleDependencies = Pick<Dependencies, 'store' | 'now' | 'log'> & {
  readonly signer: Pick<Signer, 'publicKey'>;
  readonly settings: OpenedSettings;
  readonly secret: ConsoleSecret;
};

type Answer = (event: LambdaEvent) => Promise<APIGatewayProxyResult>;

/** An event of API Gateway, answered by the console. */
export async function answerEvent(dependencies: ConsoleDependencies, event: unknown): Promise<APIGatewayProxyResult> {
  const answer = known.get(dependencies) ?? createAnswer(dependencies);
  known.set(dependencies, answer);
  const answered = await answer(event as LambdaEvent);
  return Buffer.byteLength(answered.body) > MOST_BYTES ? TOO_LARGE : answered;
}

/** Of one cold start there is one. */
const known = new WeakMap<ConsoleDependencies, Answer>();

function createAnswer({ log, now, secret, settings, signer, store }: ConsoleDependencies): Answer {
  const { oidc, publicUrl, sessionHours } = settings;
  const { clientSecret, sessionKey } = secret;
  const wiring = { store, now, log };
  const app = createConsole({
    ...wiring,
    controlKey: async () => signer.publicKey,
    executions: new StoreExecutions(store),
    signIn: new OpenIdConnect({ settings: oidc, secret: clientSecret, publicUrl, sessionKey, sessionHours, now, log }),
    random: () => randomBytes(3).toString('hex').slice(1),
    origins: [publicUrl],
    addressOf: (context: ConsoleContext) => getConnInfo(context).remote.address,
    holdsAnswers: true,
  });
  return handle(app);
}

/** Lambda takes 6 MB; what is beyond it would come as an error without a word. */
const MOST_BYTES = 6_000_000;

const TOO_LARGE: APIGatewayProxyResult = {
  statusCode: 413,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  body: 'This is more than can be sent from here at once: ask for less, or use the command lockstep history.\n',
  isBase64Encoded: false,
};
