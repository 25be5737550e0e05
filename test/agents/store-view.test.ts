import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { readStaleStore } from '#agents/store-view.ts';
import { parseDocument } from '#core/documents.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore, StoredObject } from '#core/ports/object-store.ts';
import { type AgentStatus, signedStatusSchema } from '#core/receipt.ts';
import { isSignedBy } from '#core/signed.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

const CURRENT = keys.currentOrder(SOURCE);
const STATUS = keys.status(SOURCE);

/** Shows its agent, of the objects that are frozen, what they were then; what is written arrives. */
class FrozenStore extends MemoryStore {
  readonly real = new MemoryStore();
  readonly #frozen = new Map<string, StoredObject | undefined>();

  async freeze(...keysOfThem: string[]): Promise<void> {
    for (const key of keysOfThem) this.#frozen.set(key, await this.real.get(key));
  }

  /** What the agent is shown from now on. */
  show(key: string, stored: StoredObject | undefined): void {
    this.#frozen.set(key, stored);
  }

  thaw(): void {
    this.#frozen.clear();
  }

  override async get(...args: Parameters<ObjectStore['get']>): ReturnType<ObjectStore['get']> {
    const [key] = args;
    if (!this.#frozen.has(key)) return this.real.get(...args);
    const stored = this.#frozen.get(key);
    return stored && { body: Uint8Array.from(stored.body), etag: stored.etag };
  }

  override async getIfChanged(
    ...args: Parameters<ObjectStore['getIfChanged']>
  ): ReturnType<ObjectStore['getIfChanged']> {
    const [key, etag] = args;
    if (!this.#frozen.has(key)) return this.real.getIfChanged(...args);
    const stored = await this.get(key);
    return stored?.etag === etag ? 'not-modified' : stored;
  }

  override head(...args: Parameters<ObjectStore['head']>): ReturnType<ObjectStore['head']> {
    return this.real.head(...args);
  }

  override put(...args: Parameters<ObjectStore['put']>): ReturnType<ObjectStore['put']> {
    return this.real.put(...args);
  }

  override create(...args: Parameters<ObjectStore['create']>): ReturnType<ObjectStore['create']> {
    return this.real.create(...args);
  }
}

async function start(more: Parameters<Control['start']>[2] = {}) {
  const store = new FrozenStore();
  // The control plane is shown the real one.
  const control = new Control(store.real);
  const signer = createKeySigner();
  const stateFolder = testFolder();
  const root = testFolder();
  writeTree(root, { 'a.ini': 'a' });
  const startAgent = () => control.start(SOURCE, root, { store, signer, stateFolder, ...more });
  const agent = startAgent();
  const readStatus = async (): Promise<AgentStatus | undefined> => {
    const stored = await store.real.get(STATUS);
    if (stored === undefined) return undefined;
    const status = parseDocument(STATUS, signedStatusSchema, stored.body);
    expect(isSignedBy(status, signer.publicKey)).toBe(true);
    return status.payload;
  };
  const statusThat = async (holds: (status: AgentStatus) => boolean): Promise<AgentStatus> => {
    for (;;) {
      const status = await readStatus();
      if (status !== undefined && holds(status)) return status;
      await sleep(2);
    }
  };
  const answered = async () => {
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    await control.receipt(order);
    return order;
  };
  return { agent, answered, control, startAgent, stateFolder, statusThat, store };
}

describe('the status of an agent', () => {
  it('says, signed, which order is the newest that it was shown, and since when nothing newer came', async () => {
    const { answered, statusThat } = await start();
    expect(await statusThat(({ orders }) => orders !== undefined)).toMatchObject({ orders: { newest: 0 } });
    const order = await answered();
    const first = await statusThat(({ orders }) => orders?.newest === 1);
    expect(first.orders).toMatchObject({ since: order.issuedAt });
    const later = await statusThat(({ orders }) => (orders?.lookedAt ?? '') > (first.orders?.lookedAt ?? ''));
    expect(later.orders?.since).toBe(first.orders?.since);
  });

  it('goes on to say so while an old current order is served for ever, though newer ones are issued', async () => {
    const { agent, answered, control, statusThat, store } = await start();
    await answered();
    await store.freeze(CURRENT);
    const unseen = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    const status = await statusThat(({ orders }) => (orders?.lookedAt ?? '') > unseen.issuedAt);
    expect(status.orders).toMatchObject({ newest: 1 });
    expect(agent.events.filter(({ event }) => event === 'order-begun')).toHaveLength(1);
    store.thaw();
    expect(await control.receipt(unseen)).toMatchObject({ outcome: 'DONE' });
    await statusThat(({ orders }) => orders?.newest === 2);
  });

  it('still says so after a restart', async () => {
    const { agent, answered, startAgent, statusThat, store } = await start();
    const order = await answered();
    await statusThat(({ orders }) => orders?.newest === 1);
    await agent.stop();
    await store.real.delete(STATUS);
    startAgent();
    const status = await statusThat(({ orders }) => orders !== undefined);
    expect(status.orders).toMatchObject({ newest: 1, since: order.issuedAt });
  });
});

describe('an agent that is served something old', () => {
  it.each<[string, (shown: StoredObject | undefined) => StoredObject | undefined, string]>([
    [
      'an order that it has long answered',
      (first) => first,
      'it shows order 1 of the control plane, where order 2 was',
    ],
    ['no order any more', () => undefined, 'it shows no order of the control plane, where order 2 was'],
    [
      'something that is no order',
      () => ({ body: Buffer.from('{}'), etag: 'other' }),
      'it shows no order of the control plane, where order 2 was',
    ],
  ])('says so when it is shown %s', async (_, shown, problem) => {
    const { agent, answered, stateFolder, statusThat, store } = await start();
    await answered();
    const first = await store.real.get(CURRENT);
    await answered();
    store.show(CURRENT, shown(first));
    const { orders, staleStore } = await statusThat((status) => status.staleStore !== undefined);
    expect(staleStore?.detail).toContain(problem);
    expect(orders).toMatchObject({ newest: 2 });
    expect(agent.events).toContainEqual({ event: 'store-frozen', problem });
    expect((await readStaleStore(stateFolder)).order?.detail).toContain(problem);
  });

  it('says so once, and no more when it is shown the newest order again', async () => {
    const { agent, answered, stateFolder, statusThat, store } = await start();
    await answered();
    store.show(CURRENT, undefined);
    const { staleStore } = await statusThat((status) => status.staleStore !== undefined);
    await statusThat(({ seenAt }) => seenAt > (staleStore?.since ?? ''));
    store.thaw();
    await statusThat((status) => status.staleStore === undefined);
    expect(agent.events.filter(({ event }) => event.startsWith('store-')).map(({ event }) => event)).toEqual([
      'store-frozen',
      'store-no-longer-frozen',
    ]);
    expect(await readStaleStore(stateFolder)).toEqual({});
  });

  it('notices that the store does not show what it has just written', async () => {
    const { agent, stateFolder, statusThat, store } = await start({ readBackMilliseconds: 0 });
    await statusThat(() => true);
    await store.freeze(STATUS);
    const { staleStore } = await statusThat((status) => status.staleStore !== undefined);
    expect(staleStore?.detail).toContain(`it does not show the status that ${SOURCE} has just written`);
    expect((await readStaleStore(stateFolder)).status).toEqual(staleStore);
    store.thaw();
    await statusThat((status) => status.staleStore === undefined);
    expect(agent.events.at(-1)).toMatchObject({ event: 'store-no-longer-frozen' });
  });

  it('remembers over a restart what it has noticed, until it is over', async () => {
    const { agent, startAgent, statusThat, store } = await start({ readBackMilliseconds: 0 });
    await statusThat(() => true);
    await store.freeze(STATUS);
    const { staleStore } = await statusThat((status) => status.staleStore !== undefined);
    await agent.stop();
    await store.real.delete(STATUS);
    startAgent();
    expect((await statusThat(() => true)).staleStore).toEqual(staleStore);
    store.thaw();
    await statusThat((status) => status.staleStore === undefined);
  });

  it('does not ask for its status at every word, while nothing is wrong', async () => {
    const { statusThat, store } = await start();
    let looks = 0;
    const get = store.get.bind(store);
    store.get = (key, options) => {
      if (key === STATUS) looks++;
      return get(key, options);
    };
    const first = await statusThat(() => true);
    await statusThat(({ seenAt }) => seenAt > first.seenAt);
    expect(looks).toBe(0);
  });
});
