import { printable } from '#core/printable.ts';
import type { OidcSettings } from '#core/sign-in.ts';
import type { Role } from '../session.ts';

/** What an identity provider says of a person. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Identity {
  readonly person: string;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  /** Groups that a session has no room for; none is in `groups` then. */
  readonly tooMany: number;
}

/** Somebody who is not let in; his name, as far as it is known. */
export interface Unfit {
  readonly problem: string;
  readonly person: string | undefined;
}

/** Who that is here. Claims are of the provider's making, yet people may have chosen their values. */
export function readClaims(claims: Claims, settings: OidcSettings): Identity | Unfit {
  const person = readPerson(claims, settings.person);
  if (person === undefined) return { person, problem: describeNoPerson(settings.person) };
  const values = new Set(texts(claimOf(claims, settings.roles.claim)));
  const roles = ROLES.filter((role) => settings.roles[role].some((name) => values.has(name)));
  if (roles.length === 0) return { person, problem: describeNoRole(person, settings.roles.claim) };
  const { claim, keep } = settings.groups;
  const groups = texts(claimOf(claims, claim)).filter((name) => keep === undefined || keep.includes(name));
  const isTooMuch = Buffer.byteLength(JSON.stringify(groups)) > MOST_BYTES_OF_GROUPS;
  return { person, roles, groups: isTooMuch ? [] : groups, tooMany: isTooMuch ? groups.length : 0 };
}

/** Whether the userinfo endpoint has to be asked besides. */
export function lacksClaims(claims: Claims, { groups, person, roles }: OidcSettings): boolean {
  const wanted = [person, roles.claim, groups.claim, ...(person === 'email' ? ['email_verified'] : [])];
  return wanted.some((name) => claimOf(claims, name) === undefined);
}

/**
 * As requests and votes name him. Never another claim for want of this one: what one person may choose for himself
 * could be what names another.
 */
function readPerson(claims: Claims, name: string): string | undefined {
  const value = claimOf(claims, name);
  if (typeof value !== 'string' || (name === 'email' && !isVerified(claims))) return undefined;
  // One person under two spellings would be two who vote.
  const person = (name === 'sub' ? value : value.toLowerCase()).normalize('NFC').trim();
  return person !== '' && person.length <= LONGEST_PERSON && printable(person) === person ? person : undefined;
}

/** Some providers send it as text. */
function isVerified(claims: Claims): boolean {
  const said = claimOf(claims, 'email_verified');
  return said === undefined || said === true || said === 'true';
}

/** By its own name, or inside of another claim. */
function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let found: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Claims)[step];
  }
  return found;
}

function texts(value: unknown): string[] {
  return [value].flat().filter((one): one is string => typeof one === 'string' && one !== '');
}

function describeNoPerson(claim: string): string {
  return claim === 'email'
    ? 'The identity provider gives no verified mail address, by which people are known here. Ask whoever runs the console: another claim can be named for it.'
    : `The identity provider does not say who you are: the claim ${claim} is missing, or no name. Ask whoever runs the console.`;
}

function describeNoRole(person: string, claim: string): string {
  return `You are signed in as ${person} at the identity provider, but nothing in the claim ${claim} gives you a role here. Ask whoever gives out the roles, then sign in again.`;
}

const ROLES = ['viewer', 'operator', 'approver'] as const satisfies readonly Role[];
const LONGEST_PERSON = 200;
/** A browser keeps 4,096 bytes of a cookie, sealed and in base64. */
const MOST_BYTES_OF_GROUPS = 2000;
