import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServicePermanent } from '#core/errors.ts';
import { toServiceError } from './service-errors.ts';

const SECRETS_MANAGER = 'AWS Secrets Manager';

/** Milliseconds; a secret is a few hundred bytes. */
const REQUEST_HANDLER = { connectionTimeout: 3000, requestTimeout: 5000, throwOnRequestTimeout: true };

/** A client for the endpoint, region and credentials of the SDK's own variables and files. */
export function createSecretsClient(): SecretsManagerClient {
  return new SecretsManagerClient({ maxAttempts: 5, requestHandler: REQUEST_HANDLER });
}

/** The text of this secret (ARN or name) as it is now. No error shows any of it. */
export async function readSecret(client: SecretsManagerClient, secret: string, signal?: AbortSignal): Promise<string> {
  const { SecretString } = await settled(
    client.send(new GetSecretValueCommand({ SecretId: secret }), signal && { abortSignal: signal }),
  );
  if (SecretString === undefined) throw new ServicePermanent(SECRETS_MANAGER, `secret ${secret} holds no text`);
  return SecretString;
}

async function settled<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw toServiceError(SECRETS_MANAGER, error);
  }
}
