import type { Voter } from '#core/approvers.ts';
import type { Session } from './session.ts';

/** As a vote names this person. Groups count where an identity provider says them, and only there. */
export function voterOf({ groups, method, person }: Pick<Session, 'groups' | 'method' | 'person'>): Voter {
  return { by: person, ...(method === 'oidc' && { groups }) };
}
