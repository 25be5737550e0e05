import { expect, it } from 'vitest';
import { Progress } from '#bench/progress.ts';

it('estimates what is left by what is done, and nothing before that', () => {
  let now = 0;
  const progress = new Progress([60, 140], () => now);
  now = 5000;
  expect(progress.describe()).toBe('0:05');
  progress.advance(50);
  now = 65_000;
  expect(progress.describe()).toBe('1:05, about 4 min left');
  progress.advance(150);
  now = 3_600_000;
  expect(progress.describe()).toBe('60:00, about 0 min left');
});
