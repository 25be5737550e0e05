import { describe, expect, it } from 'vitest';
import { median, summarise } from '#bench/medians.ts';
import { measured, ratioOf } from '#bench/ratios.ts';

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

  it('has the median of every process', () => {
    const run = (memory: number) => {
      const usage = { memory, cpu: memory / 10 };
      return { wall: 1, processes: { source: usage, destination: usage, controller: usage } };
    };
    const usage = { memory: 20, cpu: 2 };
    const processes = { source: usage, destination: usage, controller: usage };
    expect(summarise([run(30), run(10), run(20)])).toMatchObject({ processes });
  });
});

describe('what is measured', () => {
  it('of two agents is the one that holds more', () => {
    const usage = (memory: number) => ({ memory, cpu: 1 });
    const processes = { source: usage(10), destination: usage(30), controller: usage(90) };
    expect(measured({ wall: 1, processes }, 'agent memory')).toBe(30);
    expect(measured({ wall: 1 }, 'agent memory')).toBeUndefined();
  });

  it.each([
    [81, 310e6, 4],
    [3, 310e6, 0],
    [6, 1000, 6],
  ])('of %d uploads with %d bytes are those beyond one for 4 MB', (uploads, uploaded, over) => {
    expect(measured({ wall: 1, wire: { up: 1, uploads, uploaded } }, 'uploads over')).toBe(over);
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

  it('compares what comes down with a whole line of theirs', () => {
    const ours = [{ wall: 1, wire: { up: 500, down: 60 } }];
    expect(ratioOf(ours, [{ wall: 1, wire: { up: 90, down: 10, link: 100 } }], 'bytes down')).toBe(0.6);
  });

  it('takes the pairs that there are: a peer may have run less often', () => {
    expect(ratioOf([{ wall: 2 }, { wall: 9 }], [{ wall: 1 }], 'wall')).toBe(2);
  });

  it('is not known when a side does not know the number', () => {
    expect(ratioOf([{ wall: 1 }], [{ wall: 1 }], 'memory')).toBeUndefined();
    expect(ratioOf([{ wall: 1 }], [], 'wall')).toBeUndefined();
  });
});
