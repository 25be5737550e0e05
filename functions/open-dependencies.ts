import { SFNClient } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { openFileSigner } from '#adapters/file-signer.ts';
import { openStore } from '#adapters/open-store.ts';
import { OutboxNotifier } from '#adapters/outbox-notifier.ts';
import { StepFunctionsTokens } from '#adapters/step-functions-tokens.ts';
import { parseValue } from '#core/documents.ts';
import type { Dependencies } from './dependencies.ts';

const environmentSchema = z.object({
  /** `s3://BUCKET`: S3 names whole keys in its events, and the workflow reads its items by whole keys. */
  LOCKSTEP_STORE: z
    .string()
    .min(1)
    .refine((url) => !/^s3:\/\/[^/]+\/./.test(url), 'expected a whole bucket, s3://BUCKET without a prefix'),
  /** Path of the control plane's private key. */
  LOCKSTEP_CONTROL_KEY: z.string().min(1),
  /** Folder that takes the mails. */
  LOCKSTEP_OUTBOX: z.string().min(1),
});

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a handler's environment says its function stands on; once per cold start. */
export async function openDependencies(environment: Environment): Promise<Dependencies> {
  const settings = parseValue('environment of the function', environmentSchema, environment);
  const log: Dependencies['log'] = (event, fields) => console.log(JSON.stringify({ event, ...fields }));
  return {
    store: await openStore(settings.LOCKSTEP_STORE),
    signer: await openFileSigner(settings.LOCKSTEP_CONTROL_KEY),
    notifier: new OutboxNotifier(settings.LOCKSTEP_OUTBOX, (line) => log('mail', { line })),
    tokens: new StepFunctionsTokens(new SFNClient()),
    now: () => new Date(),
    log,
  };
}
