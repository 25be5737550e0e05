import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ApplyReceipt } from '#core/receipt.ts';
import {
  type DestinationVerdict,
  endedWell,
  exitStatus,
  findReceiptFlaw,
  judgeSync,
  type SyncVerdict,
} from '#core/verdict.ts';
import { DESTINATION, digest, PART_HEADER, plannedChanges, SOURCE, SYNC, samplePlan, server } from './samples.ts';

const ALL = ['IN_SYNC', 'SUCCEEDED', 'ROLLED_BACK', 'REFUSED', 'FAILED', 'OFFLINE', 'NOT_ATTEMPTED'] as const;

type Word = DestinationVerdict['verdict'];

const wordsArbitrary = fc.array(fc.constantFrom(...ALL), { minLength: 1, maxLength: 6 });

describe('a sync that went its way to the end', () => {
  test('SUCCEEDED only if every destination did or was in sync', () => {
    fc.assert(
      fc.property(wordsArbitrary, fc.boolean(), (words, dryRun) => {
        const verdict = judgeSync('applied', ended(words), dryRun);
        const well = words.every((word) => word === 'SUCCEEDED' || word === 'IN_SYNC');
        expect(verdict === 'SUCCEEDED' || verdict === 'IN_SYNC').toBe(well);
        expect(verdict === 'IN_SYNC').toBe(words.every((word) => word === 'IN_SYNC'));
      }),
    );
  });

  test('FAILED when it has no destination to show', () => {
    expect(judgeSync('applied', [], false)).toBe('FAILED');
    expect(judgeSync('planned', [], true)).toBe('FAILED');
  });

  test('is PLANNED when it was a dry run and nothing is wrong', () => {
    expect(judgeSync('planned', ended(['NOT_ATTEMPTED', 'IN_SYNC']), true)).toBe('PLANNED');
    expect(judgeSync('planned', ended(['NOT_ATTEMPTED', 'IN_SYNC']), false)).toBe('FAILED');
    expect(judgeSync('planned', ended(['NOT_ATTEMPTED', 'REFUSED']), true)).toBe('FAILED');
    expect(judgeSync('planned', ended(['IN_SYNC', 'IN_SYNC']), true)).toBe('IN_SYNC');
  });
});

test('a sync that was stopped says by what, whatever its destinations say', () => {
  fc.assert(
    fc.property(wordsArbitrary, fc.boolean(), (words, dryRun) => {
      const said = (['rejected', 'expired', 'halted', 'failed'] as const).map((end) =>
        judgeSync(end, ended(words), dryRun),
      );
      expect(said).toEqual(['REJECTED', 'EXPIRED', 'HALTED', 'FAILED']);
    }),
  );
});

describe('the exit status', () => {
  test.each<[SyncVerdict['verdict'], readonly Word[], 0 | 1 | 3]>([
    ['IN_SYNC', ['IN_SYNC'], 0],
    ['SUCCEEDED', ['SUCCEEDED', 'IN_SYNC'], 0],
    ['PLANNED', ['NOT_ATTEMPTED'], 0],
    ['REJECTED', ['NOT_ATTEMPTED'], 3],
    ['EXPIRED', ['NOT_ATTEMPTED'], 3],
    ['FAILED', ['REFUSED'], 3],
    ['FAILED', ['REFUSED', 'SUCCEEDED'], 3],
    ['FAILED', ['REFUSED', 'OFFLINE'], 1],
    ['FAILED', ['SUCCEEDED', 'OFFLINE'], 1],
    ['FAILED', ['ROLLED_BACK'], 1],
    ['FAILED', ['FAILED'], 1],
    ['FAILED', ['NOT_ATTEMPTED'], 1],
  ])('of %s with %j is %i', (verdict, words, status) => {
    expect(exitStatus(verdictOf(verdict, words))).toBe(status);
  });

  test('is never 0 for a sync that did not end well', () => {
    fc.assert(
      fc.property(fc.constantFrom('REJECTED', 'EXPIRED', 'HALTED', 'FAILED'), wordsArbitrary, (verdict, words) => {
        expect(exitStatus(verdictOf(verdict, words))).not.toBe(0);
      }),
    );
  });

  test('tells a source that could not be read from a failure', () => {
    expect(exitStatus({ ...verdictOf('FAILED', ['NOT_ATTEMPTED']), reason: 'UNREADABLE' })).toBe(3);
  });
});

describe('a receipt that says SUCCEEDED', () => {
  const part = { header: PART_HEADER, operations: [] };
  const plan = samplePlan();
  const states = { state: PART_HEADER.stateBefore, protectedState: digest('licenses') };
  const receipt: ApplyReceipt = {
    format: 'lockstep-receipt/1',
    order: 'order',
    sync: SYNC,
    server: DESTINATION,
    startedAt: '2026-01-02T03:04:05Z',
    finishedAt: '2026-01-02T03:04:06Z',
    step: 'apply',
    outcome: 'SUCCEEDED',
    plan: plan.digest,
    part: digest('part'),
    before: states,
    after: { ...states, state: PART_HEADER.stateAfter },
    changes: { create: 1, update: 0, remove: 0, keep: 0 },
    bytesFetched: 3,
    secondsFetching: 0.5,
  };

  test('proves it when plan, part, both states and the protected files agree', () => {
    expect(findReceiptFlaw(receipt, plan, part.header)).toBeUndefined();
  });

  test.each<[string, Partial<ApplyReceipt>, RegExp]>([
    ['another plan', { plan: digest('another') }, /another plan/],
    ['another part', { part: digest('another') }, /another part/],
    ['a server that the plan does not name', { server: server('south/line-9') }, /another part/],
    ['another beginning', { before: { ...receipt.before, state: digest('x') } }, /began from another state/],
    ['another end', { after: { ...receipt.after, state: digest('x') } }, /ended in another state/],
    ['a license that changed', { after: { ...receipt.after, protectedState: digest('x') } }, /licenses or identity/],
  ])('does not prove it with %s', (_, change, flaw) => {
    expect(findReceiptFlaw({ ...receipt, ...change }, plan, part.header)).toMatch(flaw);
  });

  test('does not prove it for a destination that had nothing to do', () => {
    const { counts, protected: licenses, unrecognised } = plannedChanges(DESTINATION, digest('part'));
    const idle = { outcome: 'in-sync', server: DESTINATION, counts, protected: licenses, unrecognised } as const;
    const idlePlan = samplePlan({ destinations: [idle] });
    expect(findReceiptFlaw({ ...receipt, plan: idlePlan.digest }, idlePlan, part.header)).toMatch(/another part/);
  });
});

test('a destination ended well when it succeeded or was in sync', () => {
  expect(ALL.filter((verdict) => endedWell({ verdict }))).toEqual(['IN_SYNC', 'SUCCEEDED']);
});

function ended(words: readonly Word[]): DestinationVerdict[] {
  const changes = { create: 0, update: 0, remove: 0, keep: 0 };
  return words.map((verdict, index) => ({
    server: server(`north/line-${index}`),
    verdict,
    changes,
    protected: 0,
    unrecognised: 0,
    bytesFetched: 0,
    receipt: null,
  }));
}

function verdictOf(verdict: SyncVerdict['verdict'], words: readonly Word[]): SyncVerdict {
  return {
    format: 'lockstep-verdict/1',
    sync: SYNC,
    verdict,
    plan: null,
    mode: 'overwrite',
    source: { server: SOURCE, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 },
    destinations: ended(words),
    startedAt: '2026-01-02T03:04:05Z',
    finishedAt: '2026-01-02T03:04:06Z',
  };
}
