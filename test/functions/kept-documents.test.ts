import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '#adapters/memory-store.ts';
import { countingStore } from '#bench/counting-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { KeptDocuments } from '#functions/kept-documents.ts';

let memory: MemoryStore;
let store: ObjectStore;
let asked: string[];
let parsed: string[];
let kept: KeptDocuments<string>;

beforeEach(async () => {
  memory = new MemoryStore();
  asked = [];
  store = countingStore(memory, { add: ({ method, foundNothingNew }) => asked.push(`${method} ${!foundNothingNew}`) });
  parsed = [];
  kept = new KeptDocuments();
  await memory.put('plan', Buffer.from('the plan'));
});

function read(key = 'plan', by?: string) {
  const parse = (body: Uint8Array) => {
    const text = Buffer.from(body).toString();
    parsed.push(text);
    if (text === 'damaged') throw new Error(text);
    return text;
  };
  return kept.read(store, { key, parse, ...(by !== undefined && { by }) });
}

describe('documents that are read again and again', () => {
  it('are parsed once, and the store is asked every time whether they are still there', async () => {
    expect([await read(), await read(), await read()]).toEqual(['the plan', 'the plan', 'the plan']);
    expect(parsed).toEqual(['the plan']);
    expect(asked).toEqual(['get true', 'getIfChanged false', 'getIfChanged false']);
  });

  it('are read by one for all who ask at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => read()));
    expect(new Set(all)).toEqual(new Set(['the plan']));
    expect(asked).toEqual(['get true']);
  });

  it('are read anew when somebody has written over them, or removed them', async () => {
    await read();
    await memory.put('plan', Buffer.from('another plan'));
    expect(await read()).toBe('another plan');
    await memory.delete('plan');
    expect(await read()).toBeUndefined();
    await memory.put('plan', Buffer.from('the plan'));
    expect(await read()).toBe('the plan');
  });

  it('are looked for again by each who asks, while they are not there', async () => {
    await memory.delete('plan');
    const early = read();
    await memory.put('plan', Buffer.from('the plan'));
    const late = read();
    expect([await early, await late]).toEqual([undefined, 'the plan']);
  });

  it('are not kept when they cannot be parsed', async () => {
    await memory.put('plan', Buffer.from('damaged'));
    await expect(Promise.all([read(), read()])).rejects.toThrow('damaged');
    expect(parsed).toEqual(['damaged', 'damaged']);
    await memory.put('plan', Buffer.from('the plan'));
    expect(await read()).toBe('the plan');
  });

  it('are parsed again for what else the parsing depends on', async () => {
    await read('plan', 'one key');
    await read('plan', 'another key');
    expect(parsed).toHaveLength(2);
  });

  it('are forgotten, the longest unasked first, when there are more than a few', async () => {
    for (const key of ['a', 'b', 'c']) await memory.put(key, Buffer.from(key));
    for (const key of ['plan', 'a', 'b', 'plan', 'c', 'plan', 'a']) await read(key);
    expect(parsed).toEqual(['the plan', 'a', 'b', 'c', 'a']);
  });

  it('are kept one at a time when they are large', async () => {
    const large = 'x'.repeat(20 * 1024 * 1024);
    for (const key of ['a', 'b']) await memory.put(key, Buffer.from(large));
    for (const key of ['a', 'a', 'b', 'a', 'a']) await read(key);
    expect(parsed).toHaveLength(3);
  });
});
