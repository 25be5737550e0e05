import { createCipheriv } from 'node:crypto';
import { sha256 } from '#core/digest.ts';

/** Bytes that nothing compresses, and that are the same everywhere: AES-256-CTR under the SHA-256 of the label. */
export function noise(label: string, size: number): Buffer {
  return createCipheriv('aes-256-ctr', Buffer.from(sha256(label), 'hex'), Buffer.alloc(16)).update(Buffer.alloc(size));
}
