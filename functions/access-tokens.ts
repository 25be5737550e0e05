import { randomBytes } from 'node:crypto';
import {
  ACCESS_TOKEN_FORMAT,
  type AccessRole,
  type AccessToken,
  accessTokenId,
  accessTokenSchema,
  accessTokenText,
  isAccessTokenText,
  MOST_TOKEN_DAYS,
} from '#core/access-token.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { BadInput } from '#core/errors.ts';
import { keys, parseAccessTokenKey } from '#core/keys.ts';
import type { Dependencies } from './dependencies.ts';

type TokenDependencies = Pick<Dependencies, 'store' | 'now'>;

export interface WantedToken {
  readonly name: string;
  readonly roles: readonly AccessRole[];
  readonly days: number;
}

/** Whoever makes a token, and what he may do himself. */
export interface TokenMaker {
  readonly person: string;
  readonly roles: readonly AccessRole[];
}

export interface ListedToken extends AccessToken {
  readonly id: string;
}

/** The text is told here and never again. BadInput for more than its maker may, or for longer than a year. */
export async function createAccessToken(
  { store, now }: TokenDependencies,
  maker: TokenMaker,
  { days, name, roles }: WantedToken,
): Promise<{ readonly text: string; readonly token: ListedToken }> {
  const beyond = roles.find((role) => !maker.roles.includes(role));
  if (beyond !== undefined) throw new BadInput(`${maker.person} is no ${beyond}, and cannot make a token that is one`);
  if (roles.length === 0) throw new BadInput('a token needs at least one role: viewer, operator or approver');
  if (!Number.isInteger(days) || days < 1 || days > MOST_TOKEN_DAYS)
    throw new BadInput(`a token is good for 1 to ${MOST_TOKEN_DAYS} days`);
  const text = accessTokenText(randomBytes(32));
  const at = now();
  const token = accessTokenSchema.safeParse({
    format: ACCESS_TOKEN_FORMAT,
    name: name.trim(),
    person: maker.person,
    roles: [...new Set(roles)],
    createdAt: at.toISOString(),
    expiresAt: new Date(at.getTime() + days * DAY_MILLISECONDS).toISOString(),
  });
  if (!token.success) throw new BadInput('a token needs a name of 1 to 100 characters that says what it is for');
  const digest = sha256(text);
  await store.create(keys.accessToken(digest), encodeDocument(token.data));
  return { text, token: { ...token.data, id: accessTokenId(digest) } };
}

/**
 * What this token may do; `undefined` for one that is not known, was revoked, or has expired. Looked up by its digest,
 * so that how long it takes says nothing of other tokens.
 */
export async function findAccessToken(
  { store, now }: TokenDependencies,
  text: string,
): Promise<AccessToken | undefined> {
  if (!isAccessTokenText(text)) return undefined;
  const key = keys.accessToken(sha256(text));
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  const token = parseDocument(key, accessTokenSchema, stored.body);
  return Date.parse(token.expiresAt) > now().getTime() ? token : undefined;
}

/** Also those that have expired; the newest first. */
export async function listAccessTokens({ store }: Pick<Dependencies, 'store'>): Promise<ListedToken[]> {
  const tokens: ListedToken[] = [];
  for await (const { key } of store.list(keys.accessTokens())) {
    const digest = parseAccessTokenKey(key);
    const stored = digest && (await store.get(key));
    if (digest === undefined || stored === undefined) continue;
    tokens.push({ ...parseDocument(key, accessTokenSchema, stored.body), id: accessTokenId(digest) });
  }
  return tokens.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
}

/** BadInput where there is none of this id that `person`, if one is named, has made. */
export async function revokeAccessToken(
  { store }: Pick<Dependencies, 'store'>,
  { id, person }: { readonly id: string; readonly person?: string },
): Promise<void> {
  for (const { digest, token } of await findById(store, id)) {
    if (person !== undefined && token.person !== person) continue;
    await store.delete(keys.accessToken(digest));
    return;
  }
  throw new BadInput(`there is no token ${id.slice(0, LONGEST_ID)}${person === undefined ? '' : ` of ${person}`}`);
}

async function findById(store: TokenDependencies['store'], id: string) {
  const found: { readonly digest: Sha256; readonly token: AccessToken }[] = [];
  for await (const { key } of store.list(keys.accessTokens())) {
    const digest = parseAccessTokenKey(key);
    if (digest === undefined || accessTokenId(digest) !== id) continue;
    const stored = await store.get(key);
    if (stored !== undefined) found.push({ digest, token: parseDocument(key, accessTokenSchema, stored.body) });
  }
  return found;
}

const DAY_MILLISECONDS = 86_400_000;
const LONGEST_ID = 64;
