import { createECDH, createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { type JsonAnswer, type JsonRequest, serviceRefusal } from './scripted-wire.ts';

/** A KMS of one key, by the name that it is asked for; signs digests as they are, which moto and node:crypto do not. */
export class LocalKms {
  readonly arn = 'arn:aws:kms:eu-central-1:111122223333:key/one';
  readonly #key = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  get publicKey(): KeyObject {
    return this.#key.publicKey;
  }

  /** For tests that look for it where it must not be. */
  get privateKey(): KeyObject {
    return this.#key.privateKey;
  }

  readonly answer = ({ body, operation }: JsonRequest): JsonAnswer => {
    switch (operation) {
      case 'GetPublicKey':
        return { status: 200, body: this.description };
      case 'Sign': {
        const { Message, MessageType, SigningAlgorithm } = body;
        if (SigningAlgorithm !== 'ECDSA_SHA_256') return serviceRefusal(400, 'ValidationException');
        const message = Buffer.from(String(Message), 'base64');
        if (message.length > 4096) return serviceRefusal(400, 'ValidationException', 'message longer than 4096');
        if (MessageType === 'DIGEST' && message.length !== 32) return serviceRefusal(400, 'ValidationException');
        const digest = MessageType === 'DIGEST' ? message : createHash('sha256').update(message).digest();
        const Signature = signDigest(digest, this.#key.privateKey).toString('base64');
        return { status: 200, body: { KeyId: this.arn, Signature, SigningAlgorithm } };
      }
      default:
        return serviceRefusal(400, 'UnknownOperationException', operation);
    }
  };

  get description() {
    const PublicKey = this.#key.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    return { KeyId: this.arn, KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', PublicKey };
  }
}

/** FIPS 186-5, section 6.4.1, on P-256. */
function signDigest(digest: Buffer, key: KeyObject): Buffer {
  const d = integer(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'));
  const k = (integer(randomBytes(40)) % (ORDER - 1n)) + 1n;
  const point = createECDH('prime256v1');
  point.setPrivateKey(bytes(k));
  const r = integer(point.getPublicKey().subarray(1, 33)) % ORDER;
  const s = (power(k, ORDER - 2n) * (integer(digest) + r * d)) % ORDER;
  const sequence = Buffer.concat([derInteger(r), derInteger(s)]);
  return Buffer.concat([Buffer.from([0x30, sequence.length]), sequence]);
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function integer(buffer: Buffer): bigint {
  return BigInt(`0x${buffer.toString('hex')}`);
}

function bytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex');
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let rest = exponent, square = base; rest > 0n; rest >>= 1n, square = (square * square) % ORDER) {
    if ((rest & 1n) === 1n) result = (result * square) % ORDER;
  }
  return result;
}

function derInteger(value: bigint): Buffer {
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const content = Buffer.from(Number.parseInt(even.slice(0, 2), 16) > 0x7f ? `00${even}` : even, 'hex');
  return Buffer.concat([Buffer.from([0x02, content.length]), content]);
}
