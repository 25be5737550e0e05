import * as z from 'zod';
import { isLoopback } from './loopback.ts';

const claimSchema = z.string().min(1).max(200);
const namesSchema = z.array(z.string().min(1).max(200)).max(100);

/**
 * Sign-in by OpenID Connect. Roles and groups come from claims of the id token or, where it lacks them, of the userinfo
 * endpoint; a claim may lie inside of another, as in `realm_access.roles`. No secret stands here.
 */
export const oidcSchema = z.strictObject({
  issuer: z
    .string()
    .max(300)
    .refine(isIssuer, 'expected the address of the identity provider, such as https://login.example.org/plant'),
  'client-id': z.string().min(1).max(200),
  scopes: z
    .array(z.string().regex(/^[!#-[\]-~]{1,100}$/, 'expected a scope'))
    .max(20)
    .default(['profile', 'email']),
  /**
   * The claim that names a person in requests and votes. Whoever can choose its value at the provider can take the name
   * of somebody else: `email` counts only where the provider does not call it unverified.
   */
  person: claimSchema.default('email'),
  /** Values of the claim that give a role; whoever has none of them is not let in. */
  roles: z.strictObject({
    claim: claimSchema.default('groups'),
    viewer: namesSchema.default([]),
    operator: namesSchema.default([]),
    approver: namesSchema.default([]),
  }),
  /** For approvals that ask for a member of a group. */
  groups: z
    .strictObject({
      claim: claimSchema.default('groups'),
      /** Only these are remembered: a session has room for some dozens. */
      keep: namesSchema.optional(),
    })
    .default({ claim: 'groups' }),
});

export type OidcSettings = z.infer<typeof oidcSchema>;

/** The `console` of `fleet.yaml`. */
export const consoleSettingsSchema = z.strictObject({
  /** Absent: the console opens with a link that works once, on this machine only. */
  oidc: oidcSchema.optional(),
  /** After these everybody signs in again; a role that was taken away counts until then. */
  'session-hours': z.number().positive().max(168).default(8),
  /** Reverse proxies before the console, each of which adds to X-Forwarded-For; 0: that header is not believed. */
  proxies: z.int().min(0).max(5).default(0),
});

export type ConsoleSettings = z.infer<typeof consoleSettingsSchema>;

/** Without TLS only on this machine: whoever stands between could be the provider. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || /[^!-~]/.test(text)) return false;
  const { hash, hostname, password, protocol, search, username } = new URL(text);
  if ([hash, password, search, username].some((part) => part !== '')) return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
