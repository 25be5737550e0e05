import { vi } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { keyId } from '#core/signed.ts';
import { announcingStore } from '#embedded/announcing-store.ts';
import { type JsonService, serveJson } from './json-service.ts';
import { LocalKms } from './local-kms.ts';
import { serveS3 } from './s3-service.ts';

const BUCKET = 'lockstep-fleet';
const MAIL_FROM = 'lockstep@example.org';

/** As Lambda calls it. */
export type Handler = (event: unknown) => Promise<unknown>;

/** What a function on AWS finds around it, on this machine: S3, KMS, SES, Step Functions, its environment and its log. */
export interface LambdaWorld {
  readonly bucket: string;
  readonly store: ObjectStore;
  readonly s3Port: number;
  readonly kms: LocalKms;
  /** What the handlers asked of each service. */
  readonly asked: Readonly<Record<'kms' | 'ses' | 'stepFunctions', JsonService>>;
  /** Everything that handlers wrote to the standard output and error. */
  readonly written: () => string;
  /** The handler of a function, from a cold start. */
  handlerOf(name: string): Promise<Handler>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Told of every object that is written, as EventBridge would tell. */
  readonly onWritten?: (key: string) => void;
}

export async function openLambdaWorld({ onWritten = () => undefined }: WorldOptions = {}): Promise<LambdaWorld> {
  const store = announcingStore(new MemoryStore(), onWritten);
  const kms = new LocalKms();
  const s3 = await serveS3(store, BUCKET);
  const asked = {
    kms: await serveJson(kms.answer),
    ses: await serveJson(() => ({ status: 200, body: { MessageId: 'one' } })),
    stepFunctions: await serveJson(() => ({ status: 200, body: {} })),
  };
  setEnvironment({
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${s3.port}`,
    AWS_ENDPOINT_URL_KMS: asked.kms.url,
    AWS_ENDPOINT_URL_SESV2: asked.ses.url,
    AWS_ENDPOINT_URL_SFN: asked.stepFunctions.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'testing',
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
    LOCKSTEP_STORE: `s3://${BUCKET}`,
    LOCKSTEP_SIGNING_KEY: kms.arn,
    LOCKSTEP_MAIL_FROM: MAIL_FROM,
    LOCKSTEP_STATE_MACHINE: 'arn:aws:states:eu-central-1:111122223333:stateMachine:sync',
    POWERTOOLS_SERVICE_NAME: 'lockstep',
    // The most talkative that an operator may make a function.
    POWERTOOLS_LOG_LEVEL: 'TRACE',
    POWERTOOLS_LOGGER_LOG_EVENT: 'true',
  });
  vi.resetModules();
  const lines = captureOutput();
  return {
    bucket: BUCKET,
    store,
    s3Port: s3.port,
    kms,
    asked,
    written: () => lines.join(''),
    handlerOf: async (name) => {
      const { handler } = (await import(`../../functions/${name}/handler.ts`)) as {
        readonly handler: (event: unknown, context: object) => Promise<unknown>;
      };
      return (event) => handler(event, { functionName: name, getRemainingTimeInMillis: () => 60_000 });
    },
    close: async () => {
      vi.unstubAllEnvs();
      vi.restoreAllMocks();
      await Promise.all([s3.stop(), ...Object.values(asked).map((service) => service.stop())]);
    },
  };
}

/** Looked for in all that is written. */
export const SECRET_KEY = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY';

/** What the functions sign with, for who only verifies. */
export function verifierOf(kms: LocalKms): Pick<Signer, 'keyId' | 'publicKey'> {
  const publicKey = kms.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { keyId: keyId(publicKey), publicKey };
}

function setEnvironment(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}

function captureOutput(): string[] {
  const lines: string[] = [];
  const capture = (chunk: string | Uint8Array) => {
    lines.push(String(chunk));
    return true;
  };
  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation(capture);
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, level).mockImplementation(
      (...words: unknown[]) => void lines.push(`${words.map(String).join(' ')}\n`),
    );
  }
  return lines;
}
