import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describePlan, showDifferences } from '#cli/show/differences.ts';
import { folderLabels, serverLabels } from '#cli/show/labels.ts';
import { showSyncs } from '#cli/show/syncs.ts';
import { enumerate, plainPaint } from '#cli/show/text.ts';
import { showVerdict } from '#cli/show/verdict.ts';
import { type Plan, type PlannedDestination, shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { SYNC_FORMAT, type SyncRequest } from '#core/sync.ts';
import type { DestinationVerdict, SyncVerdict } from '#core/verdict.ts';
import { pastSyncDocument } from '#functions/observe/past-sync-document.ts';
import { DESTINATION, digest, POLICY, plannedChanges, SOURCE, SYNC, samplePlan, server } from '#test/core/samples.ts';

const HOSTILE = 'a\u001b[2J\u0007\r\n\u009b31m\u202egpj.exe\u2028b';
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must never reach a terminal
const MOVES_THE_TERMINAL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

test('prints any text without a character that a terminal obeys', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(MOVES_THE_TERMINAL);
      expect(shown).not.toContain('\n');
      expect(shown.isWellFormed()).toBe(true);
    }),
  );
});

test('leaves ordinary names in any script as they are', () => {
  for (const name of ['Übersicht (alt).cfg', 'U\u0308bersicht.cfg', '設定 1.db', 'نامه\u200cها', '🙂.txt']) {
    expect(printable(name)).toBe(name);
  }
});

test('escapes hostile file names, details and folders in every table', () => {
  const plan = planWith([
    { ...plannedChanges(DESTINATION, digest('part')), notable: [{ change: 'create', path: HOSTILE, size: 3 }] },
    { outcome: 'refused', server: server('north/line-2'), reason: 'GUARD', detail: HOSTILE },
  ]);
  const labels = folderLabels(new Map([[DESTINATION, HOSTILE]]));
  const verdict = verdictWith([{ ...SUCCEEDED, verdict: 'FAILED', detail: HOSTILE, reason: HOSTILE.slice(0, 40) }]);
  for (const text of [
    showDifferences(plan, labels, plainPaint),
    describePlan(plan, labels),
    showVerdict(verdict, labels, plainPaint),
  ]) {
    expect(text).not.toMatch(MOVES_THE_TERMINAL);
    expect(text).toContain('a\\u{1b}[2J');
  }
});

test('shows differences by class, the notable by name, and what is left alone', () => {
  const changes = {
    ...plannedChanges(DESTINATION, digest('part')),
    counts: { create: 1, update: 1, remove: 1, keep: 9 },
    bytes: 2_000_003,
    classes: {
      firmware: { create: 1, update: 0, remove: 0, keep: 5, bytes: 3 },
      termcap: { create: 0, update: 1, remove: 1, keep: 4, bytes: 2_000_000 },
    },
    notable: [{ change: 'remove' as const, path: 'termcap/old.db', size: 12 }],
    protected: 2,
    unrecognised: 1,
  };
  const text = showDifferences(planWith([changes]), serverLabels, plainPaint);
  expect(text).toMatch(/firmware +│ +1 │ +0 │ +0 │ +5 │ +3 B/);
  expect(text).toMatch(/termcap +│ +0 │ +1 │ +1 │ +4 │ +2 MB/);
  expect(text).toMatch(/all +│ +1 │ +1 │ +1 │ +9 │ +2 MB/);
  expect(text).toContain('remove  termcap/old.db  12 B');
  expect(text).toContain('and 2 more files');
  expect(text).toContain('2 license or identity files left alone');
  expect(text).toContain('1 unrecognised file left alone');
  expect(text).toContain("the source's files overwrite the corresponding files at the destination; nothing is merged");
});

test('says before the question what will travel to each destination and how long that takes, as far as it is known', () => {
  const changes = plannedChanges(DESTINATION, digest('part'));
  const shown = (estimate: typeof changes.estimate) =>
    showDifferences(planWith([estimate === undefined ? changes : { ...changes, estimate }]), serverLabels, plainPaint);
  expect(shown({ bytes: 6_800_000, seconds: 62 })).toContain('to be transferred  about 6.8 MB, 1 min 2 s');
  expect(shown({ bytes: 0, seconds: 0.2 })).toContain('about 0 B, under 1 s');
  expect(shown({ bytes: 6_800_000 })).toContain('about 6.8 MB; time unknown: no transfer measured yet');
  expect(shown({ bytes: 6_800_000, seconds: 62, atMost: true })).toContain('at most 6.8 MB, 1 min 2 s');
  expect(shown(undefined)).toContain('size unknown');
});

test('warns of local edits and of removals, first of all where there are too many destinations to show', () => {
  const warned: PlannedDestination = {
    ...plannedChanges(DESTINATION, digest('part')),
    counts: { create: 0, update: 2, remove: 34, keep: 100 },
    needs: ['removals'],
    localEdits: {
      since: '2026-01-02T03:04:05.678Z',
      count: 3,
      files: [
        { edit: 'edited', path: HOSTILE },
        { edit: 'added', path: 'here only.cfg' },
      ],
    },
  };
  const others = Array.from({ length: 30 }, (_, index) => plannedChanges(`north/other-${index}`, digest(`${index}`)));
  const text = showDifferences(
    samplePlan({ destinations: [...others, warned], policy: { ...POLICY, mode: 'mirror', allowShrink: true } }),
    serverLabels,
    plainPaint,
  );
  expect(text).toContain('! 34 files will be removed, more than 10 %: the approval has to acknowledge it');
  expect(text).toContain(
    '! 3 files were changed here since the sync of 2026-01-02T03:04:05Z; that will be overwritten:',
  );
  expect(text).toContain('!   added    here only.cfg');
  expect(text).toContain('!   and 1 file more');
  expect(text).toContain('Asked for with --allow-shrink.');
  expect(text).not.toMatch(MOVES_THE_TERMINAL);
});

test('sums up what travels to all destinations, and names the time of the slowest', () => {
  const [one, two] = ['north/a', 'north/b'].map((id, index) => ({
    ...plannedChanges(id, digest(id)),
    estimate: { bytes: 1_000_000, seconds: 10 + index },
  })) as [PlannedDestination, PlannedDestination];
  const shown = (...all: PlannedDestination[]) => showDifferences(planWith(all), serverLabels, plainPaint);
  expect(shown(one, two)).toContain('in all  about 2 MB, 11 s for the slowest');
  expect(shown(one, { ...two, estimate: { bytes: 1 } } as PlannedDestination)).toContain(
    'in all  about 1 MB; time unknown',
  );
  expect(shown(one)).not.toContain('in all');
  expect(shown(one, plannedChanges('north/c', digest('c')))).not.toContain('in all');
});

test('says what the source has uploaded, and how long that took', () => {
  const { source } = samplePlan();
  const plan = samplePlan({ source: { ...source, bytesUploaded: 2_000_000, secondsUploading: 4 } });
  expect(showDifferences(plan, serverLabels, plainPaint)).toContain('uploaded  2 MB, 4 s');
});

test('shows the estimate beside what really happened, of those that have begun', () => {
  const estimate = { bytes: 6_800_000, seconds: 60 };
  const took = { ...SUCCEEDED, estimate, bytesFetched: 6_900_000, secondsFetching: 55 };
  const failed = { ...SUCCEEDED, verdict: 'ROLLED_BACK' as const, estimate };
  const { secondsFetching: _, ...unknown } = { ...failed, server: server('north/b') };
  const waiting = {
    ...SUCCEEDED,
    verdict: 'NOT_ATTEMPTED' as const,
    server: server('north/c'),
    receipt: null,
    estimate,
  };
  const text = showVerdict(verdictWith([took, unknown, waiting]), serverLabels, plainPaint);
  expect(text).toContain(`${DESTINATION}: estimated 6.8 MB, 1 min 0 s; took 6.9 MB, 55 s`);
  expect(text).toContain('north/b: estimated 6.8 MB, 1 min 0 s; what it took is not known');
  expect(text).not.toContain('north/c: estimated');
});

test('the history sums up the bytes of a sync, and names the time of the slowest', () => {
  const [one, two] = [70, 50].map((seconds) => ({
    ...SUCCEEDED,
    estimate: { bytes: 1_000_000, seconds },
    bytesFetched: 2_000_000,
    secondsFetching: seconds + 10,
  })) as [DestinationVerdict, DestinationVerdict];
  const shown = (destinations: DestinationVerdict[]) =>
    showSyncs([pastSyncDocument({ request: REQUEST, verdict: verdictWith(destinations) })], plainPaint);
  expect(shown([one, two])).toContain('estimated 2 MB, 1 min 10 s; took 4 MB, 1 min 20 s');
  const { estimate: _, ...unplanned } = two;
  expect(shown([one, unplanned])).toContain('│ took 4 MB, 1 min 20 s');
  expect(shown([{ ...SUCCEEDED, verdict: 'IN_SYNC' }])).not.toContain('took');
});

test('says for each destination how it stands when it will not be written', () => {
  const none = { create: 0, update: 0, remove: 0, keep: 7 };
  const text = showDifferences(
    planWith([
      { outcome: 'in-sync', server: server('north/a'), counts: none, protected: 0, unrecognised: 0 },
      { outcome: 'refused', server: server('north/b'), reason: 'GUARD', detail: 'the source is empty' },
      { outcome: 'offline', server: server('north/c'), detail: 'no answer within 60 s' },
    ]),
    serverLabels,
    plainPaint,
  );
  expect(text).toContain('north/a: in sync, 7 files kept as they are');
  expect(text).toContain('north/b: refused, GUARD\n  the source is empty');
  expect(text).toContain('north/c: offline\n  no answer within 60 s');
});

test('the question names every destination to be written, and the plan', () => {
  const plan = planWith([plannedChanges('north/a', digest('a')), plannedChanges('north/b', digest('b'))]);
  expect(describePlan(plan, serverLabels)).toBe(`north/a and north/b from ${SOURCE} (plan ${shortCode(plan.digest)})`);
  expect(enumerate(['a', 'b', 'c', 'd'], 3)).toBe('a, b and 2 more');
});

test('does not say succeeded while a destination is not in sync', () => {
  const verdict = verdictWith([
    SUCCEEDED,
    { ...SUCCEEDED, server: server('north/b'), verdict: 'OFFLINE', detail: 'is it on?' },
  ]);
  const text = showVerdict(verdict, serverLabels, plainPaint);
  expect(text).toContain('north/b: OFFLINE: is it on?');
  expect(text).toMatch(/Failed: 1 of 2 destinations in sync\.$/);
});

function planWith(destinations: Plan['destinations']): Plan {
  return samplePlan({ destinations });
}

const REQUEST: SyncRequest = {
  format: SYNC_FORMAT,
  sync: SYNC,
  requestedBy: 'requester',
  requestedAt: '2026-01-02T03:04:05Z',
  source: SOURCE,
  destinations: [DESTINATION],
  policy: POLICY,
  waveSize: 1,
  errorBudget: 0,
  timeouts: { offlineSeconds: 1, inventorySeconds: 1, applySeconds: 1, approvalSeconds: 1 },
  notify: [],
};

const SUCCEEDED: DestinationVerdict = {
  server: DESTINATION,
  verdict: 'SUCCEEDED',
  changes: { create: 1, update: 0, remove: 0, keep: 0 },
  protected: 0,
  unrecognised: 0,
  bytesFetched: 3,
  secondsFetching: 2,
  receipt: 'receipt',
};

function verdictWith(destinations: DestinationVerdict[]): SyncVerdict {
  return {
    format: 'lockstep-verdict/1',
    sync: SYNC,
    verdict: 'FAILED',
    plan: null,
    mode: 'overwrite',
    source: { server: SOURCE, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 },
    destinations,
    startedAt: '2026-01-02T03:04:05Z',
    finishedAt: '2026-01-02T03:04:06Z',
  };
}
