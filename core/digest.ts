import { createHash } from 'node:crypto';
import * as z from 'zod';
import { BadInput } from './errors.ts';

/** A SHA-256 digest as 64 lower-case hex digits; what `sha256sum` prints. */
export const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hex digits')
  .brand<'Sha256'>();

export type Sha256 = z.infer<typeof sha256Schema>;

export function sha256(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex') as Sha256;
}

/** SHA-256 of what it is given: what `createHash` of Node makes, or something that hashes elsewhere. */
export interface Hasher {
  update(data: Uint8Array | string): unknown;
  /** One that goes on from here by itself. */
  copy(): Hasher;
  /** Ends it. */
  digest(encoding: 'hex'): string;
}

/** Hashes a sequence of text lines, each ended by a line feed, without holding them. */
export class LineHasher {
  readonly #hash: Hasher;
  /** A call of the hash costs more than a line does. */
  #waiting = '';

  constructor(hash: Hasher = createHash('sha256')) {
    this.#hash = hash;
  }

  /** One that has hashed the same lines so far, and goes on by itself. */
  copy(): LineHasher {
    this.#flush();
    return new LineHasher(this.#hash.copy());
  }

  add(line: string): void {
    this.#waiting += `${line}\n`;
    if (this.#waiting.length >= HASHED_AT_ONCE) this.#flush();
  }

  /** Lines with their line feeds, as they are. */
  addText(text: Uint8Array | string): void {
    this.#flush();
    this.#hash.update(text);
  }

  digest(): Sha256 {
    this.#flush();
    return this.#hash.digest('hex') as Sha256;
  }

  #flush(): void {
    if (this.#waiting === '') return;
    this.#hash.update(this.#waiting);
    this.#waiting = '';
  }
}

const HASHED_AT_ONCE = 64 * 1024;

/** The form shown to people and machines outside: names its algorithm. */
export function labelled(digest: Sha256): `sha256:${string}` {
  return `sha256:${digest}`;
}

/** Accepts a digest with or without its algorithm in front, as people paste it. */
export function parseLabelledDigest(text: string): Sha256 {
  const digest = sha256Schema.safeParse(
    text
      .trim()
      .toLowerCase()
      .replace(/^sha256:/, ''),
  );
  if (digest.success) return digest.data;
  throw new BadInput(`${JSON.stringify(text)} is not a digest: expected sha256: and 64 hex digits`, {
    cause: digest.error,
  });
}
