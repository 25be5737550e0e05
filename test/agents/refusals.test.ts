import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { decodeIndex, encodeIndex, type Recipe } from '#core/chunk-index.ts';
import { encodeDocument } from '#core/documents.ts';
import { keys, orderId, parseOrderId } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import { parseRelativePath } from '#core/path-rules.ts';
import { encodePart, type Operation } from '#core/plan.ts';
import { serverIdSchema } from '#core/server.ts';
import { sign } from '#core/signed.ts';
import { decodeSnapshot, encodeSnapshot } from '#core/snapshot.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, type Tree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, type RunningAgent, SOURCE } from './control.ts';
import { testFolder } from './test-folder.ts';

interface Pair {
  readonly control: Control;
  readonly source: string;
  readonly destination: string;
  readonly agent: RunningAgent;
}

const OURS: Tree = { 'a.ini': 'new', 'firmware/b.bin': 'made'.repeat(100), 'x.lic': 'ours' };
const THEIRS: Tree = { 'a.ini': 'old', 'licenses/Server.dat': 'theirs', 'x.lic': 'theirs', 'd/c.ini': 'c' };

function begin(ours: Tree = OURS, theirs: Tree = THEIRS): Pair {
  const [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, ours);
  writeTree(destination, theirs);
  const control = new Control();
  control.start(SOURCE, source);
  return { control, source, destination, agent: control.start(DESTINATION, destination) };
}

/** Plans, lets `change` happen, applies; the destination must be as it was then. */
async function refusalAfter(pair: Pair, change: (planned: Planned) => Planned | Promise<Planned>): Promise<unknown> {
  const planned = await change(await pair.control.plan());
  const before = readTree(pair.destination);
  const receipt = await pair.control.apply(planned);
  expect(readTree(pair.destination)).toEqual(before);
  return receipt;
}

function withOperation(planned: Planned, path: string, more: object = {}): Planned {
  const content = planned.operations.find((operation) => operation.change === 'create');
  const operation = { ...content, path: parseRelativePath(path), ...more } as Operation;
  const operations = [...planned.operations.filter((one) => one.path !== path), operation].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  return { ...planned, operations };
}

describe('an agent refuses, with a receipt and without a write,', () => {
  it('a plan made for another state, naming what has changed', async () => {
    const pair = begin();
    const receipt = await refusalAfter(pair, (planned) => {
      writeFileSync(join(pair.destination, 'd/c.ini'), 'edited meanwhile');
      return planned;
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'STALE_PLAN',
      detail: expect.stringContaining('"d/c.ini"'),
    });
  });

  it('an order that it sees too late', async () => {
    const { control, destination } = begin();
    const planned = await control.plan();
    const before = readTree(destination);
    const receipt = await control.apply(planned, { expiresAt: new Date(Date.now() - 1000).toISOString() });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'EXPIRED', detail: expect.stringContaining('clock') });
    expect(readTree(destination)).toEqual(before);
  });

  it('a part that is not the signed one', async () => {
    const pair = begin();
    const planned = await pair.control.plan();
    const other = 'ab'.repeat(32);
    const receipt = await pair.control.apply(planned, { part: other as never });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'WRONG_PLAN' });
  });

  it("another server's part", async () => {
    const pair = begin();
    const planned = await pair.control.plan();
    const foreign = encodePart({ ...planned, header: { ...planned.header, server: SOURCE } });
    await pair.control.store.put(keys.part(planned.header.sync, DESTINATION, foreign.digest), foreign.bytes);
    expect(await pair.control.apply(planned, { part: foreign.digest })).toMatchObject({
      outcome: 'REFUSED',
      reason: 'WRONG_PLAN',
    });
  });

  it('a plan made with another profile', async () => {
    const receipt = await refusalAfter(begin(), (planned) => ({
      ...planned,
      header: { ...planned.header, profile: planned.header.stateBefore },
    }));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('profile') });
  });

  it.each(['x.lic', 'X.LIC', 'LICENSES/server.DAT', 'licenses/new.txt'])(
    'an operation on the protected path %s',
    async (path) => {
      const receipt = await refusalAfter(begin(), (planned) => withOperation(planned, path));
      expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
    },
  );

  it('an operation that gives a file another class', async () => {
    const receipt = await refusalAfter(begin(), (planned) =>
      withOperation(planned, 'firmware/n.bin', { class: 'configuration' }),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD' });
  });

  it('an operation on a file that it does not recognise', async () => {
    const receipt = await refusalAfter(begin(), (planned) => withOperation(planned, 'un.known'));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
  });

  it('to write through a link planted as a parent', async () => {
    const pair = begin();
    const elsewhere = testFolder();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync(elsewhere, join(pair.destination, 'firmware'));
      return planned;
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'PROTECTED_PATH',
      detail: expect.stringContaining('link'),
    });
    expect(readTree(elsewhere)).toEqual({});
  });

  it('to stage through a link planted as its work folder', async () => {
    const pair = begin();
    const elsewhere = testFolder();
    const receipt = await refusalAfter(pair, (planned) => {
      symlinkSync(elsewhere, join(pair.destination, '.lockstep'));
      return planned;
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'PROTECTED_PATH' });
    expect(readTree(elsewhere)).toEqual({});
  });

  it('to create what is there already, be it a link or a folder', async () => {
    const pair = begin();
    const receipt = await refusalAfter(pair, (planned) => {
      mkdirSync(join(pair.destination, 'firmware/b.bin'), { recursive: true });
      return planned;
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('a folder') });
  });

  it.each([0, 0.5, 1])('content of which the byte at %s of its pack has changed in the store', async (where) => {
    const pair = begin({ 'firmware/b.bin': 'made'.repeat(100), 'small.ini': 'too small to compress' });
    const receipt = await refusalAfter(pair, async (planned) => {
      for await (const { key } of pair.control.store.list('packs/')) {
        const body = (await pair.control.store.get(key))?.body ?? new Uint8Array();
        const at = Math.floor(where * (body.length - 1));
        body[at] = (body[at] ?? 0) ^ 1;
        await pair.control.store.put(key, body);
      }
      return planned;
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringMatching(/packs\/.* is damaged: chunk .* remove packs\/.* and snapshots\//),
    });
  });

  it('content that has gone from the store', async () => {
    const pair = begin();
    const receipt = await refusalAfter(pair, async (planned) => {
      for await (const { key } of pair.control.store.list('packs/')) await pair.control.store.delete(key);
      return planned;
    });
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('missing'),
    });
  });

  it('a chunk that inflates beyond what the snapshot says', async () => {
    const pair = begin();
    const receipt = await refusalAfter(pair, (planned) =>
      withIndex(pair, planned, (recipe) => {
        const [chunk, ...rest] = recipe.chunks;
        return chunk?.encoding === 'zstd' ? { ...recipe, size: 10, chunks: [{ ...chunk, size: 10 }, ...rest] } : recipe;
      }).then((bent) => withOperation(bent, 'firmware/b.bin', { size: 10 })),
    );
    expect(receipt).toMatchObject({
      outcome: 'REFUSED',
      reason: 'UNREADABLE',
      detail: expect.stringContaining('does not decompress to 10 bytes'),
    });
  });

  it('a snapshot without the content of the plan', async () => {
    const pair = begin();
    const receipt = await refusalAfter(pair, (planned) => withIndex(pair, planned, () => undefined));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'WRONG_PLAN' });
  });

  it('content that does not fit on its disk', async () => {
    const receipt = await refusalAfter(begin(), (planned) =>
      withOperation(planned, 'huge.bin', { class: 'configuration', size: 2 ** 50 }),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'NO_SPACE' });
  });

  it('to read a root that is gone', async () => {
    const { control, destination } = begin();
    await control.plan();
    renameSync(destination, `${destination}-away`);
    const order = await control.order(DESTINATION, { step: 'inventory', snapshot: false });
    expect(await control.receipt(order)).toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });
    rmSync(`${destination}-away`, { recursive: true });
  });
});

/** The plan with an index that somebody has bent. */
async function withIndex(
  { control }: Pair,
  planned: Planned,
  bend: (recipe: Recipe) => Recipe | undefined,
): Promise<Planned> {
  const read = async (key: string) => (await control.store.get(key))?.body ?? new Uint8Array();
  const { snapshot: digest } = planned.header;
  const snapshot = decodeSnapshot(await read(keys.snapshot(digest)), digest);
  const [newest = expect.unreachable()] = snapshot.indexes;
  const { recipes } = decodeIndex(await read(keys.index(newest)), newest);
  const index = encodeIndex({ recipes: [...recipes.values()].flatMap((recipe) => bend(recipe) ?? []) });
  await control.store.put(keys.index(index.digest), index.bytes);
  const bent = encodeSnapshot({ ...snapshot, indexes: [index.digest] });
  await control.store.put(keys.snapshot(bent.digest), bent.bytes);
  return { ...planned, header: { ...planned.header, snapshot: bent.digest } };
}

describe('an agent ignores, without an answer,', () => {
  async function ignored(pair: Pair, write: (order: Order) => Promise<void>): Promise<void> {
    const planned = await pair.control.plan();
    const sequence = 3;
    const order = { ...(await hiddenOrder(planned)), sequence } as Order;
    const before = readTree(pair.destination);
    await write(order);
    while (!pair.agent.events.some(({ event }) => event === 'order-ignored')) await sleep(2);
    expect(await pair.control.store.get(keys.receipt(DESTINATION, parseOrderId(order.order)))).toBeUndefined();
    expect(readTree(pair.destination)).toEqual(before);
    // It still obeys the next that is right.
    expect(
      await pair.control.receipt(
        await pair.control.order(DESTINATION, { step: 'inventory', snapshot: false, sequence: 9 }),
      ),
    ).toMatchObject({ outcome: 'DONE' });
  }

  function hiddenOrder(planned: Planned): Promise<Order> {
    return new Control()
      .orderApply(planned)
      .then((order) => ({ ...order, order: orderId(planned.header.sync, 'apply', DESTINATION) }));
  }

  it('an order that somebody else signed', async () => {
    const pair = begin();
    await ignored(pair, async (order) => {
      await pair.control.store.put(
        keys.currentOrder(DESTINATION),
        encodeDocument(await sign(order, createKeySigner())),
      );
    });
  });

  it('an order that was changed after it was signed', async () => {
    const pair = begin();
    await ignored(pair, async (order) => {
      const signed = await sign(order, pair.control.signer);
      const changed = { ...signed, payload: { ...order, sequence: order.sequence + 1 } };
      await pair.control.store.put(keys.currentOrder(DESTINATION), encodeDocument(changed));
    });
  });

  it('an order for another server', async () => {
    const pair = begin();
    await ignored(pair, async (order) => {
      const other = { ...order, server: serverIdSchema.parse('some/other') };
      await pair.control.store.put(
        keys.currentOrder(DESTINATION),
        encodeDocument(await sign(other, pair.control.signer)),
      );
    });
  });

  it('an order that it has obeyed before', async () => {
    const pair = begin();
    await ignored(pair, async (order) => {
      const old = { ...order, sequence: 1 };
      await pair.control
        .order(DESTINATION, { step: 'inventory', snapshot: false, sequence: 2 })
        .then((one) => pair.control.receipt(one));
      await pair.control.store.put(
        keys.currentOrder(DESTINATION),
        encodeDocument(await sign(old, pair.control.signer)),
      );
    });
  });

  it('what is no order at all', async () => {
    const pair = begin();
    await ignored(pair, async () => {
      await pair.control.store.put(keys.currentOrder(DESTINATION), Buffer.from('{"payload":'));
    });
  });
});

it('an agent without the permission to write refuses an apply', async (context) => {
  if (process.getuid?.() === 0) return context.skip('root may write everywhere');
  const pair = begin();
  const receipt = await refusalAfter(pair, (planned) => {
    chmodSync(join(pair.destination, 'd'), 0o555);
    return withOperation(planned, 'd/new.ini', { class: 'configuration' });
  });
  chmodSync(join(pair.destination, 'd'), 0o755);
  expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'NO_PERMISSION' });
});
