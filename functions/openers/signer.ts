import * as z from 'zod';
import { createKmsClient, openKmsSigner } from '#adapters/kms-signer.ts';
import { parseValue } from '#core/documents.ts';
import type { Signer } from '#core/ports/signer.ts';
import type { Environment } from '../open-dependencies.ts';

/** Key id, ARN or alias of the control plane's key in AWS KMS. */
const schema = z.object({ LOCKSTEP_SIGNING_KEY: z.string().min(1) });

/** For who only verifies, too: it asks for the public key, and signs only when it is told to. */
export async function openSigner(environment: Environment): Promise<Signer> {
  const { LOCKSTEP_SIGNING_KEY } = parseValue('environment of the function', schema, environment);
  return openKmsSigner(createKmsClient(), LOCKSTEP_SIGNING_KEY);
}
