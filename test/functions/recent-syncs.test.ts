import { expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import { createSyncId, SYNC_FORMAT, type SyncId } from '#core/sync.ts';
import { type DestinationVerdict, type SyncVerdict, VERDICT_FORMAT } from '#core/verdict.ts';
import { RecentSyncsReader } from '#functions/observe/recent-syncs.ts';
import { POLICY, server } from '#test/core/samples.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const [SOURCE, ONE, TWO] = [server('west/source'), server('east/one'), server('east/two')];
const store = new MemoryStore();

async function asked(hour: number): Promise<SyncId> {
  const requestedAt = new Date(`2026-06-01T0${hour}:00:00Z`);
  const sync = createSyncId(requestedAt, 'abcde');
  const request = {
    ...{ format: SYNC_FORMAT, sync, requestedBy: 'requester', requestedAt: requestedAt.toISOString(), source: SOURCE },
    ...{ destinations: [ONE, TWO], policy: POLICY, waveSize: 1, errorBudget: 0, notify: [] },
    timeouts: { offlineSeconds: 1, inventorySeconds: 1, applySeconds: 1, approvalSeconds: 1 },
  };
  await store.put(keys.request(sync), encodeDocument(request));
  return sync;
}

async function ended(
  sync: SyncId,
  verdict: SyncVerdict['verdict'],
  words: DestinationVerdict['verdict'][],
): Promise<void> {
  const time = NOW.toISOString();
  const none = {
    changes: { create: 0, update: 0, remove: 0, keep: 0 },
    protected: 0,
    unrecognised: 0,
    bytesFetched: 0,
  };
  const destinations = words.map((word, index) => ({
    ...{ ...none, server: [ONE, TWO][index], verdict: word, receipt: null },
  }));
  const source = { server: SOURCE, manifest: null, artifacts: 0, bytes: 0, bytesUploaded: 0 };
  const document = { format: VERDICT_FORMAT, sync, verdict, plan: null, mode: 'overwrite', source, destinations };
  await store.put(keys.verdict(sync), encodeDocument({ ...document, startedAt: time, finishedAt: time }));
}

it('says of each server what the newest sync says that attempted it, and what is under way', async () => {
  const [first, second, third, fourth] = [await asked(1), await asked(2), await asked(3), await asked(4)];
  await ended(first, 'SUCCEEDED', ['SUCCEEDED', 'SUCCEEDED']);
  await ended(second, 'FAILED', ['ROLLED_BACK', 'NOT_ATTEMPTED']);
  await ended(third, 'REJECTED', ['NOT_ATTEMPTED', 'NOT_ATTEMPTED']);
  const reader = new RecentSyncsReader(store);
  const look = async () => {
    const { results, underWay } = await reader.look(new Set([SOURCE, ONE, TWO]), NOW);
    const said = [ONE, TWO, SOURCE].map((one) => [results.get(one)?.verdict, results.get(one)?.sync]);
    return { said, underWay: underWay.map(({ sync }) => sync) };
  };
  const said = [
    ['ROLLED_BACK', second],
    ['SUCCEEDED', first],
    ['SOURCE', first],
  ];
  expect(await look()).toEqual({ said, underWay: [fourth] });
  await ended(fourth, 'DRIFTED', ['DRIFTED', 'VERIFIED']);
  expect(await look()).toEqual({
    said: [['DRIFTED', fourth], ['VERIFIED', fourth], said[2]],
    underWay: [],
  });
});
