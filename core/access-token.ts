import * as z from 'zod';
import type { Sha256 } from './digest.ts';

export const ACCESS_TOKEN_FORMAT = 'lockstep-access-token/1';

/** viewer: looks; operator: starts and stops syncs; approver: decides on plans. */
export const accessRoleSchema = z.enum(['viewer', 'operator', 'approver']);

export type AccessRole = z.infer<typeof accessRoleSchema>;

export const accessTokenSchema = z.strictObject({
  format: z.literal(ACCESS_TOKEN_FORMAT),
  /** What it is for, in the words of whoever made it. */
  name: z.string().min(1).max(100),
  /** In whose name it acts. */
  person: z.string().min(1).max(200),
  roles: z.array(accessRoleSchema).min(1).max(3),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

/** `access-tokens/{sha256 of the token}.json`: the token itself is kept nowhere. */
export type AccessToken = z.infer<typeof accessTokenSchema>;

/** Begins so that programs which look for secrets find it; 32 random bytes in base64url. */
const TOKEN = /^lockstep_[0-9A-Za-z_-]{43}$/;

export function isAccessTokenText(text: string): boolean {
  return TOKEN.test(text);
}

export function accessTokenText(random: Uint8Array): string {
  return `lockstep_${Buffer.from(random).toString('base64url')}`;
}

/** What a token is called where it is listed; says nothing of the token. */
export function accessTokenId(digest: Sha256): string {
  return digest.slice(0, 16);
}

export const MOST_TOKEN_DAYS = 365;
