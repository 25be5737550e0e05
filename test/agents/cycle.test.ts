import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { AgentState } from '#agents/state.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { StoreTransient } from '#core/errors.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import { signedProgressSchema, signedStatusSchema } from '#core/receipt.ts';
import { isSignedBy } from '#core/signed.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

/** Takes no manifest before there was a word about how far its agent is. */
class HoldingStore extends MemoryStore {
  override async create(...args: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    const [key] = args;
    const progress = key.slice(0, key.indexOf('/manifests/') + 1);
    while (progress !== '' && (await this.list(`${progress}progress/`).next()).done === true) await sleep(2);
    return super.create(...args);
  }
}

/** Writes down how each look for an order ended. */
class ObservantStore extends MemoryStore {
  readonly answers: ('read' | 'nothing new')[] = [];

  override async get(...args: Parameters<MemoryStore['get']>): ReturnType<MemoryStore['get']> {
    const [key] = args;
    if (key === keys.currentOrder(SOURCE)) this.answers.push('read');
    return super.get(...args);
  }

  override async getIfChanged(
    ...args: Parameters<MemoryStore['getIfChanged']>
  ): ReturnType<MemoryStore['getIfChanged']> {
    const answer = await super.getIfChanged(...args);
    if (answer === 'not-modified') this.answers.push('nothing new');
    return answer;
  }
}

/** Out of reach for a while, and again whenever it is told to. */
class FlakyStore extends MemoryStore {
  failures = 0;

  override async getIfChanged(
    ...args: Parameters<MemoryStore['getIfChanged']>
  ): ReturnType<MemoryStore['getIfChanged']> {
    this.#mayFail();
    return super.getIfChanged(...args);
  }

  override async create(...args: Parameters<MemoryStore['create']>): ReturnType<MemoryStore['create']> {
    this.#mayFail();
    return super.create(...args);
  }

  override async put(...args: Parameters<MemoryStore['put']>): ReturnType<MemoryStore['put']> {
    this.#mayFail();
    return super.put(...args);
  }

  #mayFail(): void {
    if (this.failures <= 0) return;
    this.failures--;
    throw new StoreTransient('some/key', 'out of reach');
  }
}

function tree(): string {
  const root = testFolder();
  writeTree(root, { 'a.ini': 'a' });
  return root;
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(2);
}

describe('an agent', () => {
  it('obeys orders that newer ones hide, in their sequence', async () => {
    const control = new Control();
    const orders = [
      await control.order(SOURCE, { step: 'inventory', snapshot: false }, { isHidden: true }),
      await control.order(SOURCE, { step: 'inventory', snapshot: true }, { isHidden: true }),
      await control.order(SOURCE, { step: 'inventory', snapshot: false }),
    ];
    control.start(SOURCE, tree());
    const finished: string[] = [];
    for (const order of orders) finished.push((await control.receipt(order)).finishedAt);
    expect(finished).toEqual(finished.toSorted());
  });

  it('goes on after a gap in the sequence', async () => {
    const control = new Control();
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false, sequence: 4 });
    const agent = control.start(SOURCE, tree());
    expect(await control.receipt(order)).toMatchObject({ outcome: 'DONE' });
    expect(agent.events.filter(({ event }) => event === 'order-missing')).toHaveLength(3);
  });

  it('does not do again what has its receipt, even when its own memory is lost', async () => {
    const control = new Control();
    const [root, signer] = [tree(), createKeySigner()];
    const first = control.start(SOURCE, root, { signer });
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    const receipt = await control.receipt(order);
    await first.stop();
    writeFileSync(join(root, 'b.ini'), 'b');
    const second = control.start(SOURCE, root, { signer });
    await until(() => second.events.some(({ event }) => event === 'order-done-before'));
    expect(await control.receipt(order)).toEqual(receipt);
  });

  it('reads no order again after a restart, and the next one in any case', async () => {
    const store = new ObservantStore();
    const control = new Control(store);
    const [root, signer, stateFolder] = [tree(), createKeySigner(), testFolder()];
    const first = control.start(SOURCE, root, { signer, stateFolder });
    await control.receipt(await control.order(SOURCE, { step: 'inventory', snapshot: false }));
    await until(() => first.events.some(({ event }) => event === 'order-answered'));
    await first.stop();
    store.answers.length = 0;
    control.start(SOURCE, root, { signer, stateFolder });
    await until(() => store.answers.length > 1);
    expect(store.answers).not.toContain('read');
    const next = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    expect(await control.receipt(next)).toMatchObject({ outcome: 'DONE' });
  });

  it('reads the newest order again when it was stopped behind an earlier one', async () => {
    const stateFolder = testFolder();
    const state = await AgentState.open(stateFolder);
    state.noteNewest({ sequence: 7, etag: 'seven' });
    await state.advance(6);
    expect((await AgentState.open(stateFolder)).settledEtag).toBe('');
    await state.advance(7);
    expect((await AgentState.open(stateFolder)).settledEtag).toBe('seven');
  });

  it('sends an answer that a kill kept from being sent, and does not do the order again', async () => {
    const control = new Control();
    const [root, signer, stateFolder] = [tree(), createKeySigner(), testFolder()];
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    const helper = control.start(SOURCE, root, { signer });
    await control.receipt(order);
    await helper.stop();
    const key = keys.receipt(SOURCE, parseOrderId(order.order));
    const stored = await control.store.get(key);
    await control.store.delete(key);
    writeFileSync(
      join(stateFolder, 'unsent-receipt.json'),
      encodeDocument({ sequence: order.sequence, receipt: JSON.parse(Buffer.from(stored?.body ?? []).toString()) }),
    );
    const agent = control.start(SOURCE, root, { signer, stateFolder });
    await control.receipt(order);
    await until(() => agent.events.some(({ event }) => event === 'order-answered'));
    expect(agent.events.map(({ event }) => event)).not.toContain('order-begun');
    expect((await AgentState.open(stateFolder)).lastSequence).toBe(order.sequence);
  });

  it('finishes after a restart an order that was begun in time', async () => {
    const control = new Control();
    const stateFolder = testFolder();
    const order = await control.order(SOURCE, {
      step: 'inventory',
      snapshot: false,
      expiresAt: new Date(Date.now() - 1000).toISOString(),
    });
    await (await AgentState.open(stateFolder)).begin(order, new Date(Date.now() - 2000));
    control.start(SOURCE, tree(), { stateFolder });
    expect(await control.receipt(order)).toMatchObject({ outcome: 'DONE' });
  });

  it('outlasts a store that is out of reach', async () => {
    const store = new FlakyStore();
    const control = new Control(store);
    const agent = control.start(SOURCE, tree());
    await until(async () => (await store.head(keys.status(SOURCE))) !== undefined);
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    store.failures = 4;
    expect(await control.receipt(order)).toMatchObject({ outcome: 'DONE' });
    expect(agent.events.map(({ event }) => event)).toContain('store-unavailable');
  });

  it('says that it is there, and how far it is, signed', async () => {
    const control = new Control(new HoldingStore());
    const signer = createKeySigner();
    control.start(SOURCE, tree(), { signer });
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: false });
    await control.receipt(order);
    const progress = await control.store.get(keys.progress(SOURCE, parseOrderId(order.order)));
    const signed = parseDocument('progress', signedProgressSchema, progress?.body ?? new Uint8Array());
    expect(isSignedBy(signed, signer.publicKey)).toBe(true);
    const readStatus = async () => {
      const stored = await control.store.get(keys.status(SOURCE));
      return parseDocument('status', signedStatusSchema, stored?.body ?? new Uint8Array());
    };
    await until(async () => (await readStatus()).payload.lastSequence === 1);
    const status = await readStatus();
    expect(status.payload.manifest).toMatch(/^[0-9a-f]{64}$/);
    expect(isSignedBy(status, signer.publicKey)).toBe(true);
  });

  it('says at once that it has begun to apply, and nothing of an inventory that is soon over', async () => {
    const control = new Control();
    const seldom = { progressMilliseconds: 3_600_000 };
    control.start(SOURCE, tree(), seldom);
    const destination = testFolder();
    writeTree(destination, { 'a.ini': 'old' });
    control.start(DESTINATION, destination, seldom);
    const order = await control.orderApply(await control.plan());
    expect(await control.receipt(order)).toMatchObject({ outcome: 'SUCCEEDED' });
    const words: string[] = [];
    for (const server of [SOURCE, DESTINATION])
      for await (const { key } of control.store.list(`servers/${server}/progress/`)) words.push(key);
    expect(words).toEqual([keys.progress(DESTINATION, parseOrderId(order.order))]);
  });

  it('stops when it is told to, also in the middle of an order', async () => {
    const control = new Control();
    const root = tree();
    writeTree(
      root,
      Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`many/${index}.ini`, String(index)])),
    );
    const agent = control.start(SOURCE, root);
    const order = await control.order(SOURCE, { step: 'inventory', snapshot: true });
    await until(() => agent.events.some(({ event }) => event === 'order-begun'));
    await agent.stop();
    expect(agent.events.at(-1)).toMatchObject({ event: 'agent-stopped' });
    control.start(SOURCE, root);
    expect(await control.receipt(order)).toMatchObject({ outcome: 'DONE', summary: { artifacts: 3001 } });
  });

  it('is the only one that serves its root', async () => {
    const control = new Control();
    const root = tree();
    const first = control.start(SOURCE, root);
    await until(() => first.events.length > 0);
    await expect(control.start(DESTINATION, root).ended).rejects.toMatchObject({
      name: 'BadInput',
      message: expect.stringContaining(root),
    });
    await first.stop();
    const next = control.start(DESTINATION, root);
    await until(() => next.events.length > 0);
  });

  it.each(['nowhere', 'a.ini'])('refuses to serve %s, which is no folder', async (name) => {
    await expect(new Control().start(SOURCE, join(tree(), name)).ended).rejects.toMatchObject({ name: 'BadInput' });
  });
});
