import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAwaited } from '#agents/assert-awaited.ts';
import type { AgentContext } from '#agents/context.ts';
import { SnapshotTaking } from '#agents/snapshot.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { type Chunk, decodeIndex } from '#core/chunk-index.ts';
import { type Sha256, sha256 } from '#core/digest.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { createManifest, decodeManifest, encodeManifest, isArtifact } from '#core/manifest.ts';
import type { Order } from '#core/order.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { serverIdSchema } from '#core/server.ts';
import { decodeSnapshot } from '#core/snapshot.ts';
import type { SyncId } from '#core/sync.ts';
import { inventory } from '#functions/inventory/inventory.ts';
import { requestSync } from '#functions/request-sync.ts';
import { loadRequest } from '#functions/sync-documents.ts';
import { withdrawOrders } from '#functions/withdraw-orders.ts';
import { createKeySigner } from './key-signer.ts';
import { RecordingTokens } from './recording-tokens.ts';
import { type Tree, writeTree } from './trees.ts';

export const SOURCE = serverIdSchema.parse('plant-a/source');
const DESTINATION = serverIdSchema.parse('plant-a/tm1');

/** Idle threads keep no process alive. */
const workers = new WorkerPool(1);

/** A source whose snapshots are real, in syncs that consist of taking stock; its steps are called one by one. */
export class ReleasingSource {
  readonly #store: ObjectStore;
  readonly #now: () => Date;
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-source-'));
  readonly #signer = createKeySigner();
  #syncs = 0;

  constructor(store: ObjectStore, now: () => Date) {
    this.#store = store;
    this.#now = now;
  }

  /** The files of one release, instead of those of the last. */
  write(tree: Tree): void {
    rmSync(this.#root, { recursive: true, force: true });
    writeTree(this.#root, tree);
    this.#tree = tree;
  }

  request(): Promise<SyncId> {
    return requestSync(
      {
        store: this.#store,
        now: this.#now,
        executions: { start: async () => undefined },
        random: () => (++this.#syncs).toString(16).padStart(5, '0'),
      },
      {
        requestedBy: 'requester',
        source: SOURCE,
        destinations: [DESTINATION],
        policy: { mode: 'overwrite', allowShrink: false, dryRun: false, approvals: 1, requesterMayApprove: true },
        waveSize: 1,
        errorBudget: 0,
        timeouts: { offlineSeconds: 60, inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 },
        notify: [],
      },
    );
  }

  /** The control plane's part of taking stock. Throws SweepUnderWay while the store is swept. */
  async order(sync: SyncId, store: ObjectStore = this.#store): Promise<void> {
    const dependencies = { store, signer: this.#signer, tokens: new RecordingTokens(), now: this.#now, log };
    await inventory(dependencies, { step: 'take', sync, server: SOURCE, token: 'token' });
  }

  /** The agent's part. Throws OrderRefused when nobody waits for it any more. */
  async obey(sync: SyncId, store: ObjectStore = this.#store): Promise<Sha256> {
    const order = { order: orderId(sync, 'inventory', SOURCE), server: SOURCE, sync } as unknown as Order;
    const { signal } = new AbortController();
    const manifest = createManifest(sha256('profile'), Object.entries(this.#tree).map(entryOf));
    const taking = new SnapshotTaking({
      store,
      root: this.#root,
      stateFolder: join(this.#folder, 'state'),
      workers,
      now: this.#now,
      assertAwaited: () => assertAwaited({ store } as AgentContext, order, signal),
    });
    const { digest } = await taking.take(manifest);
    await store.put(keys.manifest(SOURCE, manifest.summary.manifest), encodeManifest(manifest));
    const receipt = keys.receipt(SOURCE, orderId(sync, 'inventory', SOURCE));
    await store.create(receipt, encodeDocument({ payload: { snapshot: digest } }));
    return digest;
  }

  /** As the verdict does: the orders are withdrawn first. */
  async end(sync: SyncId): Promise<void> {
    await withdrawOrders({ store: this.#store, now: this.#now }, await loadRequest(this.#store, sync));
    await this.#store.put(keys.verdict(sync), encodeDocument({}));
  }

  async release(tree: Tree): Promise<Sha256> {
    this.write(tree);
    const sync = await this.request();
    await this.order(sync);
    const snapshot = await this.obey(sync);
    await this.end(sync);
    return snapshot;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #tree: Tree = {};

  get #root(): string {
    return join(this.#folder, 'root');
  }
}

/** What is missing of the contents of a snapshot, as a destination would look for them; nothing when all is there. */
export async function findMissing(store: ObjectStore, digest: Sha256): Promise<string[]> {
  const missing: string[] = [];
  const read = async (key: string): Promise<Uint8Array> => {
    const stored = await store.get(key);
    if (stored === undefined) missing.push(key);
    return stored?.body ?? new Uint8Array();
  };
  const bytes = await read(keys.snapshot(digest));
  if (missing.length > 0) return missing;
  const { indexes, manifest } = decodeSnapshot(bytes, digest);
  const stored = decodeManifest(await read(keys.manifest(SOURCE, manifest)), manifest);
  const wanted = new Set(stored.entries.filter(isArtifact).map(({ sha256: content }) => content));
  const look = async (chunk: Chunk): Promise<void> => {
    const { length, offset, pack } = chunk;
    const range = await store.getRange(keys.pack(pack), { offset, length });
    if (range?.length !== length) missing.push(keys.pack(pack));
    if (chunk.encoding === 'zstd-dict') for (const base of chunk.bases) await look(base);
  };
  for (const index of indexes) {
    const listed = await read(keys.index(index));
    if (missing.length > 0) return missing;
    const { recipes } = decodeIndex(listed, index);
    for (const content of wanted) {
      const recipe = recipes.get(content);
      if (recipe === undefined) continue;
      wanted.delete(content);
      for (const chunk of recipe.chunks) await look(chunk);
    }
  }
  return [...missing, ...wanted];
}

function entryOf([path, content]: readonly [string, string | Uint8Array]) {
  const fields = { class: 'configuration', mode: 0o644, mtime: 0, sha256: sha256(content), size: content.length };
  return { kind: 'artifact', path: parseRelativePath(path), ...fields } as const;
}

const log = () => undefined;
