import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { Signer } from '#core/ports/signer.ts';
import { keyId } from '#core/signed.ts';

/** A key that lives and dies with the process; says how often it has signed. */
export class MemorySigner implements Signer {
  readonly publicKey: string;
  readonly keyId: string;
  signatures = 0;
  readonly #key;

  constructor() {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
    this.keyId = keyId(this.publicKey);
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    this.signatures++;
    return sign('sha256', message, this.#key);
  }
}
