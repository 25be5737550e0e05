import { describe, expect, test } from 'vitest';
import { createSyncId, type SyncRequest, syncRequestSchema } from '#core/sync.ts';
import { DESTINATION, POLICY, SOURCE, SYNC } from './samples.ts';

const request: SyncRequest = {
  format: 'lockstep-sync/1',
  sync: SYNC,
  requestedBy: 'requester',
  requestedAt: '2026-01-02T03:04:05Z',
  source: SOURCE,
  destinations: [DESTINATION],
  policy: POLICY,
  waveSize: 1,
  errorBudget: 0,
  timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
  notify: [],
};

describe('a sync', () => {
  test('is named by the second in which it was asked for', () => {
    expect(createSyncId(new Date('2026-01-02T03:04:05.678Z'), '0a1b2c3d')).toBe(SYNC);
  });

  test('sorts by the time of its request', () => {
    const early = createSyncId(new Date('2026-01-02T03:04:05Z'), 'ffffffff');
    expect(early < createSyncId(new Date('2026-01-02T03:04:06Z'), '00000000')).toBe(true);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['its source among its destinations', { destinations: [DESTINATION, SOURCE] }, /source is among/],
    ['a destination twice', { destinations: [DESTINATION, DESTINATION] }, /named twice/],
    ['no destination', { destinations: [] }, /destinations/],
    ['an unknown field', { hook: 'x' }, /hook/],
    ['an unknown mode', { policy: { ...POLICY, mode: 'merge' } }, /mode/],
    ['no class to restrict itself to', { policy: { ...POLICY, only: [] } }, /only/],
    ['no approval', { policy: { ...POLICY, approvals: 0 } }, /approvals/],
    ['a server that is a path', { source: '../lab/master' }, /source/],
    ['an address with a line break', { notify: ['a@example.com\nBcc: b@example.com'] }, /notify/],
  ])('cannot be asked for with %s', (_, change, problem) => {
    expect(syncRequestSchema.safeParse(request).success).toBe(true);
    const parsed = syncRequestSchema.safeParse({ ...request, ...change });
    expect(JSON.stringify(parsed.error?.issues)).toMatch(problem);
  });
});
