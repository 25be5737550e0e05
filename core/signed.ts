import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { type Sha256, sha256Schema } from './digest.ts';
import { InvalidDocument } from './errors.ts';
import type { Signer } from './ports/signer.ts';

/** A public key as it is pinned and registered: SPKI PEM of an ECDSA key on P-256. */
export const publicKeySchema = z.string().max(1000).includes('-----BEGIN PUBLIC KEY-----');

export interface Signed<T> {
  readonly payload: T;
  readonly signature: { readonly keyId: Sha256; readonly value: string };
}

export function signedSchema<T>(payload: z.ZodType<T>): z.ZodType<Signed<T>> {
  return z.strictObject({
    payload,
    signature: z.strictObject({ keyId: sha256Schema, value: z.base64().max(300) }),
  });
}

/** Signs canonical JSON; the payload's `format` keeps one kind of document from passing for another. */
export async function sign<T extends { readonly format: string }>(payload: T, signer: Signer): Promise<Signed<T>> {
  const value = await signer.sign(signedBytes(payload));
  return { payload, signature: { keyId: signer.keyId as Sha256, value: Buffer.from(value).toString('base64') } };
}

export function isSignedBy(document: Signed<{ readonly format: string }>, publicKey: string): boolean {
  return verifierOf(publicKey)(document);
}

export type Verifier = (document: Signed<{ readonly format: string }>) => boolean;

/** `isSignedBy` for many documents: to parse a key takes as long as to verify a signature. */
export function verifierOf(publicKey: string): Verifier {
  const key = parsePublicKey(publicKey);
  const id = idOf(key);
  return ({ payload, signature: { keyId: named, value } }) =>
    named === id && verify('sha256', signedBytes(payload), key, Buffer.from(value, 'base64'));
}

/** SHA-256 over the key's SPKI DER. */
export function keyId(publicKey: string): Sha256 {
  return idOf(parsePublicKey(publicKey));
}

function parsePublicKey(publicKey: string): KeyObject {
  try {
    const key = createPublicKey(publicKey);
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new TypeError('expected an ECDSA key on P-256');
    return key;
  } catch (cause) {
    throw new InvalidDocument('public key', 'it is not an ECDSA key on P-256 in SPKI PEM', { cause });
  }
}

function idOf(key: KeyObject): Sha256 {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex') as Sha256;
}

function signedBytes(payload: { readonly format: string }): Buffer {
  return Buffer.from(`lockstep signature\n${canonicalJson(payload)}`);
}
