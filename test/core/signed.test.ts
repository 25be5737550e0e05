import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { type Progress, signedProgressSchema } from '#core/receipt.ts';
import { isSignedBy, keyId, type Signed, sign } from '#core/signed.ts';
import { createTestSigner, DESTINATION, digest } from './samples.ts';

const signer = createTestSigner();
const progress: Progress = {
  format: 'lockstep-progress/1',
  order: 'order',
  server: DESTINATION,
  at: '2026-01-02T03:04:05Z',
  stage: 'fetching',
  filesDone: 1,
  filesTotal: 2,
  bytesDone: 3,
  bytesTotal: 4,
};
const signed = await sign(progress, signer);

describe('a signed document', () => {
  test('is proved by the key that signed it, also after a journey through the store', () => {
    expect(isSignedBy(signed, signer.publicKey)).toBe(true);
    const travelled = parseDocument('progress', signedProgressSchema, encodeDocument(signed));
    expect(isSignedBy(travelled, signer.publicKey)).toBe(true);
  });

  test('is not proved by another key, even under the first one’s name', () => {
    const other = createTestSigner();
    expect(isSignedBy(signed, other.publicKey)).toBe(false);
    const renamed = { ...signed, signature: { ...signed.signature, keyId: keyId(other.publicKey) } };
    expect(isSignedBy(renamed, other.publicKey)).toBe(false);
  });

  test('is not proved when it names another key than the one that signed it', () => {
    const misnamed = { ...signed, signature: { ...signed.signature, keyId: digest('another key') } };
    expect(isSignedBy(misnamed, signer.publicKey)).toBe(false);
  });

  test('is not proved after any change of any field', () => {
    const change = {
      format: 'lockstep-progress/2',
      order: 'x',
      at: '2026-01-02T03:04:06Z',
      stage: 'staging',
      filesDone: 2,
    };
    for (const [field, value] of Object.entries(change)) {
      const changed: Signed<Progress> = { ...signed, payload: { ...progress, [field]: value } };
      expect(isSignedBy(changed, signer.publicKey), field).toBe(false);
    }
  });

  test.each(['', 'AAAA', Buffer.alloc(200).toString('base64'), '!'])('is not proved by %j for a signature', (value) => {
    expect(isSignedBy({ ...signed, signature: { ...signed.signature, value } }, signer.publicKey)).toBe(false);
  });
});

describe('a public key', () => {
  const other = (type: 'rsa' | 'ed25519' | 'ec') => {
    const options = { modulusLength: 1024, namedCurve: 'secp384r1' };
    return generateKeyPairSync(type as 'ec', options)
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString();
  };

  test.each(['rsa', 'ed25519', 'ec'] as const)('is refused when it is not ECDSA on P-256, as %s', (type) => {
    expect(() => keyId(other(type))).toThrow(InvalidDocument);
  });

  test('is refused when it is no key at all', () => {
    expect(() => keyId('-----BEGIN PUBLIC KEY-----')).toThrow(InvalidDocument);
  });
});
