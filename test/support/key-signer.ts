import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { Signer } from '#core/ports/signer.ts';

/** A signer whose key lives in memory. */
export function createKeySigner(): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    keyId: createHash('sha256').update(der).digest('hex'),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: async (message) => sign('sha256', message, privateKey),
  };
}
