import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { type AgentDependencies, runAgent } from '#agents/agent.ts';
import { WorkerPool } from '#agents/worker-pool.ts';
import { findDifferences } from '#core/differences.ts';
import type { Sha256 } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { keys, type OrderStep, orderId, parseOrderId } from '#core/keys.ts';
import { createManifest, type Manifest } from '#core/manifest.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import { ORDER_FORMAT, type Order } from '#core/order.ts';
import { type CopyPartHeader, encodePart, type Operation, PART_FORMAT, type PlanPart } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { type Profile, profileSchema } from '#core/profile.ts';
import {
  type ApplyReceipt,
  enrolmentSchema,
  type FailureReceipt,
  type InventoryReceipt,
  type Receipt,
  signedReceiptSchema,
} from '#core/receipt.ts';
import { type ServerId, serverIdSchema } from '#core/server.ts';
import { isSignedBy, sign } from '#core/signed.ts';
import { type CopyMode, createSyncId } from '#core/sync.ts';
import { loadManifest } from '#functions/plan/stock.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { testFolder } from './test-folder.ts';

export const SOURCE = serverIdSchema.parse('here/source');
export const DESTINATION = serverIdSchema.parse('there/destination');

export const PROFILE: Profile = profileSchema.parse({
  name: 'test',
  version: 1,
  rules: [
    { class: 'license', match: ['**/*.lic', '**/licenses/**/*'] },
    { class: 'ignore', match: ['**/*.log'] },
    { class: 'firmware', match: ['firmware/**'] },
    { class: 'configuration', match: ['**/*.ini', '**/*.txt', '**/*.bin', 'empty/**', 'made/**'] },
  ],
});

/** Idle threads keep no process alive. */
export const WORKERS = new WorkerPool(2);

/** The other side of an agent: signs orders, waits for receipts. */
export class Control {
  readonly store: ObjectStore;
  readonly signer = createKeySigner();
  readonly #sequences = new Map<ServerId, number>();
  readonly #agentKeys = new Map<ServerId, string>();
  #syncs = 0;

  constructor(store: ObjectStore = new MemoryStore()) {
    this.store = store;
  }

  /** An agent in this process, until the test ends or `stop`. */
  start(server: ServerId, root: string, more: Partial<AgentDependencies> = {}): RunningAgent {
    const stopping = new AbortController();
    const signer = createKeySigner();
    this.#agentKeys.set(server, (more.signer ?? signer).publicKey);
    const events: { readonly event: string }[] = [];
    const log = (event: string, fields: Record<string, unknown>) => {
      events.push({ event, ...fields });
    };
    const ended = runAgent(
      {
        store: this.store,
        server,
        root,
        profile: PROFILE,
        stateFolder: testFolder(),
        signer,
        controlKey: this.signer.publicKey,
        now: () => new Date(),
        log,
        pollMilliseconds: 2,
        workers: WORKERS,
        progressMilliseconds: 20,
        statusMilliseconds: 20,
        ...more,
      },
      stopping.signal,
    );
    const stop = async () => {
      stopping.abort();
      await ended;
    };
    ended.catch(() => undefined);
    onTestFinished(() => stop().catch(() => undefined));
    return { stop, ended, events };
  }

  /** An agent that has enrolled itself and runs elsewhere. */
  async adopt(server: ServerId): Promise<void> {
    const key = keys.enrolment(server);
    const stored = await this.store.get(key);
    this.#agentKeys.set(server, parseDocument(key, enrolmentSchema, stored?.body ?? new Uint8Array()).publicKey);
  }

  /** Writes a signed order; `forge` bends it after or before the signature. */
  async order<S extends OrderStep>(server: ServerId, draft: Draft<S>, options: OrderOptions = {}): Promise<Order> {
    const sequence = (this.#sequences.get(server) ?? 0) + 1;
    this.#sequences.set(server, sequence);
    const sync = createSyncId(new Date(), (++this.#syncs).toString(16).padStart(5, '0'));
    const order = {
      format: ORDER_FORMAT,
      order: orderId(sync, draft.step, server),
      sync,
      server,
      sequence,
      issuedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
      ...draft,
    } as Order;
    const signed = await sign(order, options.signer ?? this.signer);
    await this.store.put(keys.order(server, order.sequence), encodeDocument(signed));
    if (options.isHidden !== true) await this.store.put(keys.currentOrder(server), encodeDocument(signed));
    return order;
  }

  async receipt(order: Order): Promise<Receipt> {
    for (;;) {
      const stored = await this.store.get(keys.receipt(order.server, parseOrderId(order.order)));
      if (stored !== undefined) {
        const receipt = parseDocument('receipt', signedReceiptSchema, stored.body);
        if (!isSignedBy(receipt, this.#agentKeys.get(order.server) ?? ''))
          throw new Error('the receipt is not signed by its agent');
        return receipt.payload;
      }
      await sleep(2);
    }
  }

  async inventory(server: ServerId, snapshot: boolean): Promise<Stock> {
    const order = await this.order(server, { step: 'inventory', snapshot });
    const receipt = await this.receipt(order);
    if (receipt.outcome !== 'DONE') throw new Error(`inventory of ${server}: ${JSON.stringify(receipt)}`);
    const stored = await loadManifest(this.store, server, receipt.summary.manifest);
    return { receipt, manifest: createManifest(receipt.summary.profile, [...entriesOf(stored)]) };
  }

  /** Both inventories, the differences, and the part that they make. */
  async plan(mode: CopyMode = 'overwrite'): Promise<Planned> {
    const source = await this.inventory(SOURCE, true);
    const destination = await this.inventory(DESTINATION, false);
    const differences = findDifferences(source.manifest.entries, destination.manifest.entries, { mode });
    if (differences.conflicts.length > 0) throw new Error(differences.conflicts.join());
    return {
      source,
      destination,
      operations: differences.operations,
      header: {
        format: PART_FORMAT,
        sync: createSyncId(new Date(), 'fffff'),
        server: DESTINATION,
        source: SOURCE,
        sourceManifest: source.manifest.summary.manifest,
        destinationManifest: destination.manifest.summary.manifest,
        stateBefore: destination.manifest.summary.state,
        stateAfter: differences.stateAfter,
        snapshot: source.receipt.snapshot as Sha256,
        profile: destination.manifest.summary.profile,
        mode,
      },
    };
  }

  async orderApply({ header, operations }: PlanPart, more: Partial<Draft<'apply'>> = {}): Promise<Order> {
    const part = encodePart({ header, operations });
    await this.store.put(keys.part(header.sync, header.server, part.digest), part.bytes);
    return this.order(header.server, {
      step: 'apply',
      sync: header.sync,
      plan: PLAN,
      part: part.digest,
      order: orderId(header.sync, 'apply', header.server),
      allowShrink: true,
      allowVanished: ['configuration', 'firmware'],
      ...more,
    });
  }

  async apply(planned: PlanPart, more: Partial<Draft<'apply'>> = {}): Promise<ApplyReceipt | FailureReceipt> {
    return (await this.receipt(await this.orderApply(planned, more))) as ApplyReceipt | FailureReceipt;
  }
}

export interface RunningAgent {
  stop(): Promise<void>;
  readonly ended: Promise<void>;
  readonly events: readonly { readonly event: string }[];
}

export interface Stock {
  readonly receipt: InventoryReceipt;
  readonly manifest: Manifest;
}

export interface Planned {
  readonly source: Stock;
  readonly destination: Stock;
  readonly operations: readonly Operation[];
  readonly header: CopyPartHeader;
}

export type Draft<S extends OrderStep> = Partial<Order> & { readonly step: S } & Pick<
    Extract<Order, { step: S }>,
    S extends 'apply' ? never : 'snapshot' & keyof Extract<Order, { step: S }>
  >;

export interface OrderOptions {
  readonly signer?: ReturnType<typeof createKeySigner>;
  /** Numbered, but not pointed to. */
  readonly isHidden?: boolean;
}

const PLAN = '11'.repeat(32) as Sha256;
