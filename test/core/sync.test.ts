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

function servers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `plant-c/tm${index}`);
}

describe('a sync', () => {
  test('is named by the millisecond in which it was asked for', () => {
    expect(createSyncId(new Date('2026-01-02T03:04:05.161Z'), 'b2c3d')).toBe(SYNC);
  });

  test.each([
    ['a second', '2026-01-02T03:04:05.999Z', '2026-01-02T03:04:06.000Z'],
    ['a millisecond', '2026-01-02T03:04:05.015Z', '2026-01-02T03:04:05.016Z'],
  ])('sorts before one that was asked for %s later', (_, early, late) => {
    expect(createSyncId(new Date(early), 'fffff') < createSyncId(new Date(late), '00000')).toBe(true);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['its source among its destinations', { destinations: [DESTINATION, SOURCE] }, /source is among/],
    ['a destination twice', { destinations: [DESTINATION, DESTINATION] }, /named twice/],
    ['no destination', { destinations: [] }, /destinations/],
    ['an unknown field', { hook: 'x' }, /hook/],
    ['more waves than an execution has room for', { destinations: servers(2001), waveSize: 1 }, /waveSize.*2000 waves/],
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
