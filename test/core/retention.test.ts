import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '#core/digest.ts';
import { longestDuration, longestSilence, type NamedSnapshot, retainedSnapshots } from '#core/retention.ts';
import { serverIdSchema } from '#core/server.ts';
import { createSyncId, type SyncRequest } from '#core/sync.ts';

const DAY = 24 * 3600 * 1000;
const NOW = new Date('2026-06-01T00:00:00Z');

const namedArbitrary: fc.Arbitrary<NamedSnapshot> = fc
  .record({ age: fc.integer({ min: 0, max: 100 }), source: fc.nat(2), snapshot: fc.nat(5), underWay: fc.boolean() })
  .map(({ age, snapshot, source, underWay }) => {
    const requestedAt = new Date(NOW.getTime() - age * DAY);
    return {
      snapshot: sha256(`snapshot ${snapshot}`),
      sync: createSyncId(requestedAt, snapshot.toString(16).padStart(5, '0')),
      source: serverIdSchema.parse(`site/server${source}`),
      requestedAt: requestedAt.toISOString(),
      underWay,
    };
  });
const rulesArbitrary = fc.record({ keep: fc.integer({ min: 1, max: 4 }), keepDays: fc.integer({ min: 0, max: 90 }) });

function property(check: (named: NamedSnapshot[], rules: { keep: number; keepDays: number }) => void): void {
  fc.assert(fc.property(fc.array(namedArbitrary, { maxLength: 20 }), rulesArbitrary, check));
}

describe('what is retained', () => {
  test('is the snapshot of every sync that is under way or young', () => {
    property((named, rules) => {
      const retained = retainedSnapshots(named, rules, NOW);
      for (const { requestedAt, snapshot, underWay } of named) {
        const isYoung = NOW.getTime() - Date.parse(requestedAt) < rules.keepDays * DAY;
        if (underWay || isYoung) expect(retained).toContain(snapshot);
      }
    });
  });

  test('is the newest of every source, as many different ones as are to be kept', () => {
    property((named, rules) => {
      const retained = retainedSnapshots(named, rules, NOW);
      for (const ofSource of Map.groupBy(named, ({ source }) => source).values()) {
        const newestFirst = ofSource.toSorted((a, b) => (a.sync < b.sync ? 1 : -1)).map(({ snapshot }) => snapshot);
        for (const snapshot of [...new Set(newestFirst)].slice(0, rules.keep)) expect(retained).toContain(snapshot);
      }
    });
  });

  test('is nothing else', () => {
    property((named, rules) => {
      const old = named.map((one) => ({ ...one, underWay: false }));
      const retained = retainedSnapshots(old, { ...rules, keepDays: 0 }, NOW);
      expect(retained.size).toBeLessThanOrEqual(rules.keep * new Set(old.map(({ source }) => source)).size);
    });
  });

  test('never grows less when more is to be kept', () => {
    property((named, rules) => {
      const fewer = retainedSnapshots(named, rules, NOW);
      const more = retainedSnapshots(named, { keep: rules.keep + 1, keepDays: rules.keepDays + 1 }, NOW);
      expect(fewer.isSubsetOf(more)).toBe(true);
    });
  });
});

test('a sync may last for all its limits together, and its source be silent for its own', () => {
  const timeouts = { offlineSeconds: 7200, inventorySeconds: 100, applySeconds: 200, approvalSeconds: 1000 };
  const request = { destinations: Array.from({ length: 5 }), waveSize: 2, timeouts } as unknown as SyncRequest;
  expect(longestDuration(request)).toBeGreaterThan((7200 + 100 + 1000 + 3 * (7200 + 200)) * 1000);
  expect(longestSilence(request)).toBe(2 * 7200 * 1000);
  expect(longestSilence({ ...request, timeouts: { ...timeouts, offlineSeconds: 1 } })).toBe(3600 * 1000);
});
