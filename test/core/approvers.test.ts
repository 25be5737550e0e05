import { describe, expect, it } from 'vitest';
import { approversSchema, groupsThatCount, nameApprovers, tooFewApprovers } from '#core/approvers.ts';
import { fleetSchema } from '#core/fleet.ts';
import { rulesOf } from '#functions/fleet-rules.ts';

const BOTH = { people: ['manager', 'bert'], groups: {} };
const WANTED = { mode: 'overwrite', allowShrink: false, dryRun: false } as const;

function approvalOf(approval: object) {
  return fleetSchema.safeParse({ fleet: 'plant', sites: {}, approval });
}

describe('who may approve', () => {
  it('stands in the fleet file, and from there in the policy of each plan', () => {
    const fleet = fleetSchema.parse({
      fleet: 'plant',
      sites: {},
      approval: { approvers: { groups: { 'shift-leads': ['manager'] } }, 'sign-in-instead-of-code': true },
    });
    expect(rulesOf(fleet, WANTED).policy).toMatchObject({
      approvers: { people: [], groups: { 'shift-leads': ['manager'] } },
      signInInsteadOfCode: true,
    });
    const plain = rulesOf(fleetSchema.parse({ fleet: 'plant', sites: {} }), WANTED).policy;
    expect(Object.keys(plain)).not.toContain('approvers');
    expect(Object.keys(plain)).not.toContain('signInInsteadOfCode');
  });

  it('is somebody', () => {
    expect(approversSchema.safeParse({}).success).toBe(false);
    expect(approversSchema.safeParse({ people: [''] }).success).toBe(false);
    const groups = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`group-${index}`, []]));
    expect(approversSchema.safeParse({ groups }).error?.message).toContain('more than 20 groups');
  });

  it('is as many people as have to approve', () => {
    expect(approvalOf({ required: 2, approvers: { people: ['manager', 'manager'] } }).error?.message).toMatch(
      /2 different people have to approve, and there are 1 who may/,
    );
    expect(approvalOf({ required: 2, approvers: BOTH }).success).toBe(true);
    // How many are in a group is known to the identity provider.
    expect(approvalOf({ required: 3, approvers: { people: ['manager'], groups: { all: [] } } }).success).toBe(true);
  });

  it('is not who asks, unless that is allowed', () => {
    const policy = { approvals: 2, approvers: BOTH, requesterMayApprove: false };
    expect(tooFewApprovers(policy, 'manager')).toMatch(/there are 1 who may/);
    expect(tooFewApprovers(policy, 'outsider')).toBeUndefined();
    expect(tooFewApprovers({ ...policy, requesterMayApprove: true }, 'manager')).toBeUndefined();
  });

  it('is named in one sentence, however many they are', () => {
    const people = Array.from({ length: 30 }, (_, index) => `p${index}`);
    expect(nameApprovers({ approvers: { people, groups: { all: [] } } })).toMatch(/^p0, p1.*, p11 or 19 more$/);
    expect(nameApprovers({ approvers: { people: ['manager'], groups: {} } })).toBe('manager');
    expect(nameApprovers({})).toBeUndefined();
  });
});

it('of what an identity provider says of a person only what the policy asks for is kept', () => {
  const approvers = { people: [], groups: { 'shift-leads': [] } };
  expect(groupsThatCount({ approvers }, ['works-council', 'shift-leads', 'shift-leads'])).toEqual(['shift-leads']);
  expect(groupsThatCount({}, ['works-council'])).toEqual([]);
});
