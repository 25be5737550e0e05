import { join } from 'node:path';
import { DirectoryStore } from '#adapters/directory-store.ts';
import { openFileSigner } from '#adapters/file-signer.ts';
import { sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { createManifest, encodeManifest, type ManifestEntry } from '#core/manifest.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { ENROLMENT_FORMAT, RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { relativePathSchema } from '#core/relative-path.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { SYNC_FORMAT, type SyncId, type SyncRequest } from '#core/sync.ts';
import { readTask } from './task.ts';

export interface PreparePlanTask {
  readonly store: string;
  readonly state: string;
  readonly sync: SyncId;
  readonly entries: number;
  /** One, where it is not said. */
  readonly destinations?: number;
}

/** A store as it is when all servers have answered: all that the plan function reads, and their large manifests. */
async function main(): Promise<void> {
  const { destinations: count = 1, entries, state, store: folder, sync } = readTask<PreparePlanTask>();
  const store = await DirectoryStore.open(folder);
  const source = serverIdSchema.parse('plant-a/tm1');
  const destinations = Array.from({ length: count }, (_, index) => serverIdSchema.parse(`plant-b/tm${index + 1}`));
  await store.create(keys.request(sync), encodeDocument(requestOf(sync, source, destinations)));
  for (const [index, server] of [source, ...destinations].entries()) {
    const found = Array.from({ length: entries }, (_, number) => entryOf(number, index));
    await answer({ store, state, sync, server, found, isSource: server === source });
  }
}

interface Answering {
  readonly store: ObjectStore;
  readonly state: string;
  readonly sync: SyncId;
  readonly server: ServerId;
  readonly found: readonly ManifestEntry[];
  readonly isSource: boolean;
}

async function answer({ found, isSource, server, state, store, sync }: Answering): Promise<void> {
  const signer = await openFileSigner(join(state, `${server.replace('/', '.')}.pem`));
  const enrolment = { format: ENROLMENT_FORMAT, server, publicKey: signer.publicKey, enrolledAt: TIME };
  await store.create(keys.enrolment(server), encodeDocument(enrolment));
  const manifest = createManifest(sha256('a profile'), found);
  await store.create(keys.manifest(server, manifest.summary.manifest), encodeManifest(manifest));
  const order = orderId(sync, 'inventory', server);
  const receipt: Receipt = {
    format: RECEIPT_FORMAT,
    order,
    sync,
    server,
    step: 'inventory',
    outcome: 'DONE',
    startedAt: TIME,
    finishedAt: TIME,
    summary: manifest.summary,
    ...(isSource && { snapshot: sha256('a snapshot') }),
    bytesUploaded: 0,
    facts: { platform: 'linux', foldsNames: false, windowsNames: false, freeBytes: 1e15 },
  };
  await store.create(keys.receipt(server, order), encodeDocument(await sign(receipt, signer)));
}

function requestOf(sync: SyncId, source: ServerId, destinations: ServerId[]): SyncRequest {
  return {
    format: SYNC_FORMAT,
    sync,
    requestedBy: 'bench',
    requestedAt: TIME,
    source,
    destinations,
    policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: true },
    waveSize: 1,
    errorBudget: 0,
    timeouts: { offlineSeconds: 60, inventorySeconds: 60, applySeconds: 60, approvalSeconds: 60 },
    notify: [],
  };
}

/** A hundred to a folder; every hundredth is another one at a destination, and at each of them it is others. */
function entryOf(number: number, server: number): ManifestEntry {
  const name = String(number).padStart(7, '0');
  const isOther = server > 0 && number % 100 === server - 1;
  return {
    kind: 'artifact',
    class: 'configuration',
    mode: 0o644,
    mtime: Date.parse(TIME),
    path: relativePathSchema.parse(`Configuration/area-${name.slice(0, 5)}/setting-${name}.xml`),
    sha256: sha256(`${name}${isOther ? server : ''}`),
    size: 4096,
  };
}

const TIME = '2026-01-02T03:04:05.000Z';

await main();
