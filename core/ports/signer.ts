/** Signs with ECDSA on P-256 and SHA-256; the private key stays behind this port (a key file, AWS KMS). */
export interface Signer {
  /** SHA-256 over the public key's SPKI DER, hex: how others name the key. */
  readonly keyId: string;
  /** SPKI, PEM. */
  readonly publicKey: string;
  /** ASN.1 DER signature over the message's SHA-256. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}
