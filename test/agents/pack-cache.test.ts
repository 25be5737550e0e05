import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PackCache } from '#agents/pack-cache.ts';
import { sha256 } from '#core/digest.ts';
import { testFolder } from './test-folder.ts';

const NOW = new Date('2026-01-02T03:04:05Z');
const [first, second, third] = [sha256('1'), sha256('2'), sha256('3')];

describe('the cache of packs', () => {
  it('finds again after a restart what was put in', async () => {
    const state = testFolder();
    await (await PackCache.open(state)).add(first, Buffer.from('pack'));
    const reopened = await PackCache.open(state);
    expect(reopened.pathOf(first)).toBe(join(state, 'packs', first));
    expect(reopened.pathOf(second)).toBeUndefined();
  });

  it('holds no more than it may, and keeps what was of use last', async () => {
    const state = testFolder();
    const cache = await PackCache.open(state, 10);
    for (const [age, pack] of [first, second, third].entries()) {
      await cache.add(pack, Buffer.alloc(5));
      utimesSync(join(state, 'packs', pack), NOW, new Date(NOW.getTime() - (3 - age) * 1000));
    }
    await cache.trim([first], NOW);
    expect([first, second, third].map((pack) => cache.pathOf(pack) !== undefined)).toEqual([true, false, true]);
    expect(existsSync(join(state, 'packs', second))).toBe(false);
  });

  it('throws away what a kill has left half written', async () => {
    const state = testFolder();
    const cache = await PackCache.open(state);
    const half = join(state, 'packs', `${first}.new`);
    writeFileSync(half, 'half');
    await cache.trim([], NOW);
    expect(existsSync(half)).toBe(false);
  });
});
