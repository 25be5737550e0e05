import { expect, test } from 'vitest';
import { syncDocument } from '#cli/sync-document.ts';
import { type SyncVerdict, VERDICT_FORMAT } from '#core/verdict.ts';
import { DESTINATION, digest, SOURCE, SYNC } from '#test/core/samples.ts';

test('holds, for a fleet, the documented fields and no others', () => {
  expect(syncDocument(VERDICT, new Map())).toEqual({
    sync: SYNC,
    verdict: 'FAILED',
    reason: 'STALE_PLAN',
    plan: `sha256:${digest('plan')}`,
    mode: 'overwrite',
    source: { server: SOURCE, manifest: `sha256:${digest('manifest')}`, artifacts: 3, bytes: 30, bytesUploaded: 20 },
    destinations: [
      {
        server: DESTINATION,
        verdict: 'REFUSED',
        reason: 'STALE_PLAN',
        detail: 'it changed meanwhile',
        changes: { create: 1, update: 2, remove: 0, keep: 4 },
        protected: 1,
        unrecognised: 2,
        bytesFetched: 0,
        receipt: 'servers/north/line-1/receipts/r.json',
      },
    ],
    seconds: 12.3,
  });
});

test('says null for a plan and a manifest that were never made', () => {
  const verdict = { ...VERDICT, plan: null, source: { ...VERDICT.source, manifest: null } };
  expect(syncDocument(verdict, new Map())).toMatchObject({ plan: null, source: { manifest: null } });
});

test('names the folders of an ad-hoc sync', () => {
  const folders = new Map([
    [SOURCE, '/srv/primary'],
    [DESTINATION, '/srv/backup'],
  ]);
  const document = syncDocument(VERDICT, folders);
  expect(document.source).toMatchObject({ server: SOURCE, path: '/srv/primary' });
  expect(document.destinations[0]).toMatchObject({ server: DESTINATION, path: '/srv/backup' });
});

const VERDICT: SyncVerdict = {
  format: VERDICT_FORMAT,
  sync: SYNC,
  verdict: 'FAILED',
  reason: 'STALE_PLAN',
  plan: digest('plan'),
  mode: 'overwrite',
  source: { server: SOURCE, manifest: digest('manifest'), artifacts: 3, bytes: 30, bytesUploaded: 20 },
  destinations: [
    {
      server: DESTINATION,
      verdict: 'REFUSED',
      reason: 'STALE_PLAN',
      detail: 'it changed meanwhile',
      changes: { create: 1, update: 2, remove: 0, keep: 4 },
      protected: 1,
      unrecognised: 2,
      bytesFetched: 0,
      receipt: 'servers/north/line-1/receipts/r.json',
    },
  ],
  startedAt: '2026-01-02T03:04:05.000Z',
  finishedAt: '2026-01-02T03:04:17.300Z',
};
