import { EncryptJWT, errors, type JWTPayload, jwtDecrypt } from 'jose';
import type * as z from 'zod';

export interface Seal {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** What this is a seal of: what was sealed as something else does not open. */
  readonly purpose: string;
  readonly now: () => Date;
}

/** Text that only the holder of the key can read or make; it opens until `seconds` from now. */
export async function seal({ key, now, purpose }: Seal, content: JWTPayload, seconds: number): Promise<string> {
  const at = Math.floor(now().getTime() / 1000);
  return await new EncryptJWT(content)
    .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION })
    .setAudience(purpose)
    .setIssuedAt(at)
    .setExpirationTime(at + seconds)
    .encrypt(key);
}

/** What was sealed; `undefined` for whatever this key did not seal for this purpose. */
export async function unseal<T>(
  { key, now, purpose }: Seal,
  schema: z.ZodType<T>,
  text: string,
): Promise<T | 'expired' | undefined> {
  try {
    const { payload } = await jwtDecrypt(text, key, {
      audience: purpose,
      currentDate: now(),
      requiredClaims: ['exp'],
      keyManagementAlgorithms: [ALGORITHM],
      contentEncryptionAlgorithms: [ENCRYPTION],
    });
    return schema.safeParse(payload).data;
  } catch (error) {
    if (error instanceof errors.JWTExpired) return 'expired';
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}

/** The key itself encrypts: no other is wrapped. */
const ALGORITHM = 'dir';
const ENCRYPTION = 'A256GCM';
