import { describe, expect, it } from 'vitest';
import { median, summarise } from '#bench/medians.ts';
import { ratioOf } from '#bench/ratios.ts';

describe('the median', () => {
  it.each([
    [[], undefined],
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
    [[100, 1, 2, 3, 10], 3],
  ])('of %j is %s', (numbers, expected) => {
    expect(median(numbers)).toBe(expected);
  });
});

describe('a summary', () => {
  it('takes each number on its own and leaves out what no run knows', () => {
    const runs = [
      { wall: 1, memory: 30, wire: { up: 5, link: 9 } },
      { wall: 3, memory: 10, wire: { up: 7, link: 9 } },
      { wall: 2, memory: 20, wire: { up: 6, link: 9 } },
    ];
    expect(summarise(runs)).toEqual({ wall: 2, memory: 20, wire: { up: 6, link: 9 }, runs });
  });
});

describe('a ratio', () => {
  it('is the median of pairs, not the pair of medians', () => {
    const ours = [{ wall: 10 }, { wall: 2 }, { wall: 3 }];
    const theirs = [{ wall: 10 }, { wall: 4 }, { wall: 1 }];
    expect(ratioOf(ours, theirs, 'wall')).toBe(1);
  });

  it('compares the larger direction of ours with a whole line of theirs', () => {
    const ours = [{ wall: 1, wire: { up: 30, down: 60 } }];
    const theirs = [{ wall: 1, wire: { up: 90, down: 10, link: 100 } }];
    expect(ratioOf(ours, theirs, 'bytes')).toBe(0.6);
  });

  it('is not known when a side does not know the number', () => {
    expect(ratioOf([{ wall: 1 }], [{ wall: 1 }], 'memory')).toBeUndefined();
    expect(ratioOf([{ wall: 1 }], [], 'wall')).toBeUndefined();
  });
});
