import * as z from 'zod';

export const MOST_GROUPS = 20;

export const personSchema = z.string().min(1).max(200);

/** As an identity provider names it: a word, a path, a number. */
export const groupSchema = z.string().min(1).max(200);

/** Who may decide on a plan: these people, and whoever is a member of one of these groups. */
export const approversSchema = z
  .strictObject({
    people: z.array(personSchema).max(200).default([]),
    /** Group -> its members, for whom no identity provider knows: at the command line, or by the one-time link. */
    groups: z.record(groupSchema, z.array(personSchema).max(200)).default({}),
  })
  .refine(({ groups, people }) => people.length > 0 || Object.keys(groups).length > 0, 'it names nobody')
  .refine(({ groups }) => Object.keys(groups).length <= MOST_GROUPS, `it names more than ${MOST_GROUPS} groups`);

export type Approvers = z.infer<typeof approversSchema>;

export interface Voter {
  readonly by: string;
  /** What an identity provider says of him; absent where none was asked. */
  readonly groups?: readonly string[] | undefined;
}

interface Policy {
  readonly approvals: number;
  /** Absent: everybody who may vote at all. */
  readonly approvers?: Approvers | undefined;
  readonly requesterMayApprove: boolean;
}

/** Where an identity provider knows a person, its word stands instead of the list of members, also that he is in no group. */
export function isApprover({ approvers }: Pick<Policy, 'approvers'>, { by, groups }: Voter): boolean {
  if (approvers === undefined || approvers.people.includes(by)) return true;
  if (groups !== undefined) return groupsThatCount({ approvers }, groups).length > 0;
  return Object.values(approvers.groups).some((members) => members.includes(by));
}

/** Of a person's groups those that the policy names: of no other is anything written down. */
export function groupsThatCount({ approvers }: Pick<Policy, 'approvers'>, groups: readonly string[]): string[] {
  return Object.keys(approvers?.groups ?? {}).filter((group) => groups.includes(group));
}

/** Why a plan with this policy could never be approved; `undefined` where it can, as far as one can know. */
export function tooFewApprovers(
  { approvals, approvers, requesterMayApprove }: Policy,
  requestedBy?: string,
): string | undefined {
  // Who is in a group is known to the identity provider.
  if (approvers === undefined || Object.keys(approvers.groups).length > 0) return undefined;
  const people = new Set(approvers.people);
  if (!requesterMayApprove && requestedBy !== undefined) people.delete(requestedBy);
  if (people.size >= approvals) return undefined;
  return `${approvals} different people have to approve, and there are ${people.size} who may`;
}

/** `manager, deputy or a member of shift-leads`; `undefined` where everybody may who may vote at all. */
export function nameApprovers({ approvers }: Pick<Policy, 'approvers'>): string | undefined {
  if (approvers === undefined) return undefined;
  const groups = Object.keys(approvers.groups).map((group) => `a member of ${group}`);
  const named = [...approvers.people, ...groups];
  const shown =
    named.length > MOST_NAMES ? [...named.slice(0, MOST_NAMES), `${named.length - MOST_NAMES} more`] : named;
  return [shown.slice(0, -1).join(', '), ...shown.slice(-1)].filter((words) => words !== '').join(' or ');
}

const MOST_NAMES = 12;
