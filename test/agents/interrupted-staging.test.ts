import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { allocatedBytes, keptBytes } from '#agents/carry-over.ts';
import { workFolderOf } from '#agents/work-folder.ts';
import { StorePermanent } from '#core/errors.ts';
import { keys, orderId } from '#core/keys.ts';
import type { ByteRange, CallOptions } from '#core/ports/object-store.ts';
import { createSyncId } from '#core/sync.ts';
import { createKeySigner } from '#test/support/key-signer.ts';
import { readTree, writeTree } from '#test/support/trees.ts';
import { Control, DESTINATION, type Planned, SOURCE } from './control.ts';
import { noise } from './noise.ts';
import { testFolder } from './test-folder.ts';

const SIZE = 12 * 1024 * 1024;
const LONGEST_RANGE = 2 * 1024 * 1024;

let store: FickleStore;
let control: Control;
let source: string;
let destination: string;
let agent: { readonly stateFolder: string; readonly signer: ReturnType<typeof createKeySigner> };
let attempts: number;

beforeEach(() => {
  store = new FickleStore();
  control = new Control(store);
  [source, destination] = [join(testFolder(), 'source'), join(testFolder(), 'destination')];
  writeTree(source, { 'firmware/a.bin': noise('a', SIZE), 'small.ini': 'new' });
  writeTree(destination, { 'small.ini': 'old' });
  agent = { stateFolder: testFolder(), signer: createKeySigner() };
  attempts = 0;
});

async function plan(): Promise<Planned> {
  const agents = [control.start(SOURCE, source), control.start(DESTINATION, destination, agent)];
  const planned = await control.plan();
  await Promise.all(agents.map(({ stop }) => stop()));
  return planned;
}

/** The same again, as another sync. */
function anew({ header, operations }: Planned): Pick<Planned, 'header' | 'operations'> {
  const sync = createSyncId(new Date(), (++attempts).toString(16).padStart(5, 'e'));
  return { header: { ...header, sync }, operations };
}

async function failAfter(ranges: number, planned: Planned): Promise<void> {
  store.rangesLeft = ranges;
  expect(await control.apply(anew(planned))).toMatchObject({
    outcome: 'FAILED',
    detail: expect.stringContaining('nothing was changed on this server'),
  });
  store.rangesLeft = Number.POSITIVE_INFINITY;
}

function staged(): string {
  return join(destination, '.lockstep/staged');
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + allocatedBytes(join(folder, name)), 0);
}

describe('staging that is cut off', () => {
  it('by a store that fails is found by the next order, which fetches the rest and leaves nothing behind', async () => {
    const planned = await plan();
    const before = readTree(destination);
    control.start(DESTINATION, destination, agent);
    await failAfter(3, planned);
    const { fetched } = store;
    expect(fetched).toBeGreaterThan(2 * LONGEST_RANGE);
    expect(keptBytes(destination)).toBeGreaterThanOrEqual(fetched);
    const { '.lockstep/': _, ...after } = readTree(destination);
    for (const path of Object.keys(after)) if (path.startsWith('.lockstep/staged/')) delete after[path];
    expect(after).toEqual(before);
    await failAfter(2, planned);
    expect(await control.apply(anew(planned))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(store.fetched).toBe(SIZE + 'new'.length);
    expect(existsSync(join(destination, '.lockstep'))).toBe(false);
  });

  it('by a stop goes on at the next start of the agent', async () => {
    const planned = await plan();
    store.hangAfter = 3;
    const first = control.start(DESTINATION, destination, agent);
    const order = await control.orderApply(planned);
    await store.hanging;
    const folder = workFolderOf(destination, order).path;
    while (bytesIn(`${folder}/new`) < store.fetched) await sleep(2);
    await first.stop();
    store.hangAfter = Number.POSITIVE_INFINITY;
    control.start(DESTINATION, destination, agent);
    expect(await control.receipt(order)).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(store.fetched).toBe(SIZE + 'new'.length);
    expect(existsSync(join(destination, '.lockstep'))).toBe(false);
  });

  it('by a sync that ended is found by the next one', async () => {
    const planned = await plan();
    const late = anew(planned);
    const id = orderId(late.header.sync, 'apply', DESTINATION);
    store.onRange = () => void store.put(keys.withdrawn(DESTINATION, id), new Uint8Array());
    control.start(DESTINATION, destination, agent);
    expect(await control.apply(late)).toMatchObject({ outcome: 'REFUSED', reason: 'WITHDRAWN' });
    const { fetched } = store;
    expect(fetched).toBe(SIZE + 'new'.length);
    store.onRange = () => undefined;
    expect(await control.apply(anew(planned))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(store.fetched).toBe(fetched);
    expect(existsSync(join(destination, '.lockstep'))).toBe(false);
  });

  it('is dropped by an order that has no use for it', async () => {
    const planned = await plan();
    control.start(DESTINATION, destination, agent);
    await failAfter(3, planned);
    expect(existsSync(staged())).toBe(true);
    const { fetched } = store;
    writeTree(source, { 'firmware/a.bin': noise('b', 1000) });
    const other = control.start(SOURCE, source);
    expect(await control.apply(anew(await control.plan()))).toMatchObject({ outcome: 'SUCCEEDED' });
    await other.stop();
    expect(store.fetched - fetched).toBe(1000 + 'new'.length);
    expect(existsSync(join(destination, '.lockstep'))).toBe(false);
  });

  it('is dropped when nobody has asked for it in a day', async () => {
    const planned = await plan();
    const first = control.start(DESTINATION, destination, agent);
    await failAfter(3, planned);
    await first.stop();
    const stillKept = control.start(DESTINATION, destination, agent);
    await control.inventory(DESTINATION, false);
    expect(existsSync(staged())).toBe(true);
    await stillKept.stop();
    const tomorrow = () => new Date(Date.now() + 25 * 60 * 60 * 1000);
    control.start(DESTINATION, destination, { ...agent, now: tomorrow });
    while (existsSync(join(destination, '.lockstep'))) await sleep(2);
  });

  it('is worth nothing when it was changed meanwhile', async () => {
    const planned = await plan();
    control.start(DESTINATION, destination, agent);
    await failAfter(3, planned);
    const [entry = expect.unreachable()] = planned.operations.filter(({ path }) => path === 'firmware/a.bin');
    if (entry.change !== 'create') expect.unreachable();
    writeTree(staged(), { [entry.sha256]: noise('planted', SIZE) });
    expect(await control.apply(anew(planned))).toMatchObject({ outcome: 'SUCCEEDED' });
    expect(readTree(join(destination, 'firmware'))).toEqual(readTree(join(source, 'firmware')));
  });
});

/** Fails, hangs or interferes at a range, as it is told. */
class FickleStore extends MemoryStore {
  fetched = 0;
  rangesLeft = Number.POSITIVE_INFINITY;
  hangAfter = Number.POSITIVE_INFINITY;
  onRange: () => void = () => undefined;
  readonly hanging: Promise<void>;
  readonly #hang: () => void;

  constructor() {
    super();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.hanging = promise;
    this.#hang = resolve;
  }

  override async getRange(key: string, range: ByteRange, options?: CallOptions): Promise<Uint8Array | undefined> {
    if (this.rangesLeft-- <= 0) throw new StorePermanent(key, 'cut off');
    if (this.hangAfter-- <= 0) await this.#hangUntil(options?.signal);
    this.onRange();
    const bytes = await super.getRange(key, range, options);
    this.fetched += bytes?.length ?? 0;
    return bytes;
  }

  #hangUntil(signal: AbortSignal | undefined): Promise<never> {
    this.#hang();
    return new Promise((_, reject) => {
      const stop = () => reject(signal?.reason);
      if (signal?.aborted === true) stop();
      signal?.addEventListener('abort', stop, { once: true });
    });
  }
}
