import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { GetPublicKeyCommand, type GetPublicKeyCommandOutput, KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { BadInput, ServicePermanent } from '#core/errors.ts';
import type { Signer } from '#core/ports/signer.ts';
import { keyId } from '#core/signed.ts';
import { toServiceError } from './service-errors.ts';

const KMS = 'AWS KMS';

/** Milliseconds; a signature takes a few. */
const REQUEST_HANDLER = { connectionTimeout: 3000, requestTimeout: 5000, throwOnRequestTimeout: true };

/** A client for the endpoint, region and credentials of the SDK's own variables and files. */
export function createKmsClient(): KMSClient {
  return new KMSClient({ maxAttempts: 5, requestHandler: REQUEST_HANDLER });
}

/**
 * Signs with this key of AWS KMS (key id, ARN or alias). Its public half is asked for once, here, and is what others
 * verify with: whoever only verifies needs kms:GetPublicKey alone. BadInput for a key of another kind.
 */
export async function openKmsSigner(client: KMSClient, key: string, signal?: AbortSignal): Promise<Signer> {
  const options = signal && { abortSignal: signal };
  const answer = await settled(client.send(new GetPublicKeyCommand({ KeyId: key }), options));
  const publicKey = parsePublicKey(key, answer).export({ type: 'spki', format: 'pem' }).toString();
  return {
    keyId: keyId(publicKey),
    publicKey,
    sign: async (message) => {
      // The digest, for KMS takes no message of more than 4096 bytes; the plan of a large fleet is longer.
      const Message = createHash('sha256').update(message).digest();
      const wanted = {
        KeyId: answer.KeyId ?? key,
        Message,
        MessageType: 'DIGEST',
        SigningAlgorithm: ALGORITHM,
      } as const;
      const { Signature } = await settled(client.send(new SignCommand(wanted), options));
      if (Signature === undefined) throw new ServicePermanent(KMS, `it answered without a signature by key ${key}`);
      // ASN.1 DER, as KMS makes it, is what the port asks for.
      return Signature;
    },
  };
}

const ALGORITHM = 'ECDSA_SHA_256';

/** The curve is looked at in the key itself. */
function parsePublicKey(key: string, { KeyUsage, PublicKey }: GetPublicKeyCommandOutput): KeyObject {
  const parsed = PublicKey && createPublicKey({ key: Buffer.from(PublicKey), format: 'der', type: 'spki' });
  const kind = parsed?.asymmetricKeyDetails?.namedCurve ?? 'without a curve';
  if (parsed !== undefined && KeyUsage === 'SIGN_VERIFY' && kind === 'prime256v1') return parsed;
  throw new BadInput(
    `KMS key ${key} is ${kind}, for ${KeyUsage ?? 'nothing'}; Lockstep signs with a key ECC_NIST_P256 (prime256v1) for SIGN_VERIFY`,
  );
}

async function settled<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw toServiceError(KMS, error);
  }
}
