import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { lookAtAll } from '#functions/look-at-all.ts';

describe('a look at many servers', () => {
  it('gives what was found in their order, whoever was first', async () => {
    const found = await lookAtAll([30, 1, 15], async (milliseconds) => {
      await sleep(milliseconds);
      return milliseconds;
    });
    expect(found).toEqual([30, 1, 15]);
  });

  it('is at a few of them at once, and never at more', async () => {
    let [atOnce, most] = [0, 0];
    await lookAtAll(
      Array.from({ length: 50 }, (_, index) => index),
      async () => {
        most = Math.max(most, ++atOnce);
        await sleep(1);
        atOnce--;
      },
      4,
    );
    expect(most).toBe(4);
  });

  it('ends with the first failure, when nothing is under way any more', async () => {
    const [begun, ended]: [number[], number[]] = [[], []];
    const looking = lookAtAll(
      [0, 1, 2, 3, 4, 5],
      async (item) => {
        begun.push(item);
        await sleep(item === 1 ? 1 : 20);
        if (item === 1) throw new Error('the first');
        ended.push(item);
        throw new Error('a later one');
      },
      3,
    );
    await expect(looking).rejects.toThrow('the first');
    expect(begun).toEqual([0, 1, 2]);
    expect(ended).toEqual([0, 2]);
  });
});
