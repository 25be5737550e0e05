import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { followBandwidth, parseRate, readBandwidth, writeBandwidth } from '#agents/bandwidth.ts';
import { BadInput } from '#core/errors.ts';
import { testFolder } from './test-folder.ts';

describe('a rate', () => {
  it.each([
    ['2MB/s', 2_000_000],
    ['500kB/s', 500_000],
    ['10Mbit/s', 1_250_000],
    ['1.5 MiB/s', 1_572_864],
    ['8kbit/s', 1000],
    ['1GB/s', 1e9],
    ['unlimited', undefined],
  ])('%s is %s bytes per second', (text, rate) => {
    expect(parseRate(text, '--bandwidth')).toBe(rate);
  });

  it.each(['', '2', '2MB', '2 mb/s', '-1MB/s', '0MB/s', '999B/s', '0.5kB/s', '1e3kB/s', 'NaNkB/s', '2MB/s x', 'none'])(
    'is refused as %j, with what it should be',
    (text) => {
      expect(() => parseRate(text, '--bandwidth')).toThrow(BadInput);
      expect(() => parseRate(text, '--bandwidth')).toThrow(/^--bandwidth: .*2MB\/s.*at least 1kB\/s/);
    },
  );
});

describe('the limit in the state folder', () => {
  it('is there for the next start, as it was written, until it is taken away', async () => {
    const folder = testFolder();
    expect(await readBandwidth(folder)).toBe('unlimited');
    await writeBandwidth(folder, '10Mbit/s');
    expect(await readBandwidth(folder)).toBe('10Mbit/s');
    await expect(writeBandwidth(folder, 'fast')).rejects.toThrow(BadInput);
    expect(await readBandwidth(folder)).toBe('10Mbit/s');
    await writeBandwidth(folder, 'unlimited');
    expect(await readBandwidth(folder)).toBe('unlimited');
  });

  it('is followed while it changes; what cannot be read changes nothing and is said', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const folder = testFolder();
    const events: string[] = [];
    const rate = followBandwidth(folder, (event) => events.push(event));
    const later = () => {
      vi.advanceTimersByTime(1001);
      return rate();
    };
    expect(rate()).toBeUndefined();
    await writeBandwidth(folder, '1MB/s');
    expect(rate()).toBeUndefined();
    expect(later()).toBe(1_000_000);
    rmSync(join(folder, 'bandwidth'));
    writeFileSync(join(folder, 'bandwidth'), 'fast');
    expect(later()).toBe(1_000_000);
    expect(events).toEqual(['bandwidth', 'bandwidth-not-read']);
    await writeBandwidth(folder, '2MB/s');
    expect(later()).toBe(2_000_000);
    expect(readFileSync(join(folder, 'bandwidth'), 'utf8')).toBe('2MB/s\n');
    await writeBandwidth(folder, 'unlimited');
    expect(later()).toBeUndefined();
  });
});
