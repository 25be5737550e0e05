import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import type { StoredObject } from '#core/ports/object-store.ts';
import { type AgentStatus, ENROLMENT_FORMAT, signedStatusSchema } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import { findStaleView } from '#core/stale-view.ts';
import { readStatus } from '#functions/observe/read-status.ts';
import { DESTINATION } from '#test/agents/control.ts';
import { beginPair, type Pair, photograph } from '#test/agents/pair.ts';
import { createKeySigner } from '#test/support/key-signer.ts';

/** Serves old versions of some objects for ever, however new the store's own are. More of this: test/agents/store-view.test.ts. */
class FreezingStore extends MemoryStore {
  readonly #frozen = new Map<string, StoredObject | undefined>();

  /** What there is now, or this. */
  async freeze(key: string, version?: StoredObject): Promise<void> {
    this.#frozen.set(key, version ?? (await super.get(key)));
  }

  thaw(): void {
    this.#frozen.clear();
  }

  /** What the agent of the test has written in truth. */
  truth(key: string): Promise<StoredObject | undefined> {
    return super.get(key);
  }

  override async get(...call: Parameters<MemoryStore['get']>): Promise<StoredObject | undefined> {
    const frozen = this.#frozen.get(call[0]);
    return frozen === undefined ? super.get(...call) : { ...frozen, body: frozen.body.slice() };
  }

  override async getIfChanged(
    ...[key, etag, options]: Parameters<MemoryStore['getIfChanged']>
  ): Promise<StoredObject | 'not-modified' | undefined> {
    if (!this.#frozen.has(key)) return super.getIfChanged(key, etag, options);
    return this.#frozen.get(key)?.etag === etag ? 'not-modified' : this.get(key, options);
  }
}

const CURRENT = keys.currentOrder(DESTINATION);
const STATUS = keys.status(DESTINATION);

let store: FreezingStore;
let pair: Pair;
const signer = createKeySigner();

beforeEach(() => {
  store = new FreezingStore();
  pair = beginPair(undefined, undefined, { store, agent: { signer } });
});

function takeStock(): Promise<Order> {
  return pair.control.order(DESTINATION, { step: 'inventory', snapshot: false });
}

async function obeyed(): Promise<StoredObject> {
  await pair.control.receipt(await takeStock());
  return (await store.truth(CURRENT)) ?? expect.unreachable();
}

/** The first status for which this holds, as the agent wrote it. */
async function status(holds: (status: AgentStatus) => boolean): Promise<AgentStatus> {
  for (;;) {
    const stored = await store.truth(STATUS);
    if (stored !== undefined) {
      const { payload } = parseDocument(STATUS, signedStatusSchema, stored.body);
      if (holds(payload)) return payload;
    }
    await sleep(2);
  }
}

describe('an old current.json, served for ever, is seen for what it is:', () => {
  it('one that is older than what the agent has been shown, by the agent, whose status says so until it ends', async () => {
    const old = await obeyed();
    await obeyed();
    const before = photograph(pair.destination);
    await store.freeze(CURRENT, old);
    const { staleStore } = await status((one) => one.staleStore !== undefined);
    expect(staleStore?.detail).toContain('frozen or old: it shows order 1 of the control plane, where order 2 was');
    expect(photograph(pair.destination)).toEqual(before);
    store.thaw();
    await obeyed();
    await status((one) => one.staleStore === undefined && one.lastSequence === 3);
  });

  it('one that is the newest that the agent was ever shown, by the control plane, from what the status says', async () => {
    await obeyed();
    await store.freeze(CURRENT);
    const unseen = await takeStock();
    const issued = Date.parse(unseen.issuedAt);
    const said = await status(({ orders }) => orders !== undefined && Date.parse(orders.lookedAt) > issued + 5);
    expect(said.orders).toMatchObject({ newest: 1 });
    expect(findStaleView(said, unseen, 0)?.detail).toContain('was shown order 1, though order 2 was issued');
    expect(findStaleView(said, unseen, 60_000)).toBeUndefined();
  });
});

it('a status that was forged to hide this is no status', async () => {
  const payload = await status(() => true);
  const enrolment = { format: ENROLMENT_FORMAT, server: DESTINATION, publicKey: signer.publicKey };
  await store.put(keys.enrolment(DESTINATION), encodeDocument({ ...enrolment, enrolledAt: new Date().toISOString() }));
  expect(await readStatus(store, DESTINATION)).toMatchObject({ server: DESTINATION });
  await pair.agent.stop();
  for (const forged of [await sign(payload, createKeySigner()), await sign(payload, pair.control.signer), payload]) {
    await store.put(STATUS, encodeDocument(forged));
    await expect(readStatus(store, DESTINATION)).rejects.toThrow(InvalidDocument);
  }
});
