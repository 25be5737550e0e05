import { expect, it } from 'vitest';
import { Doorbell } from '#embedded/doorbell.ts';

const LONG = 3_600_000;
const NEVER = new AbortController().signal;

it('ends a sleep at a ring, also one that came before the sleep began, but only one', async () => {
  const bell = new Doorbell();
  const sleep = bell.sleep(LONG, NEVER);
  bell.ring();
  await sleep;
  bell.ring();
  bell.ring();
  await bell.sleep(LONG, NEVER);
  const outcome = await Promise.race([bell.sleep(LONG, NEVER).then(() => 'woken'), Promise.resolve('asleep')]);
  expect(outcome).toBe('asleep');
});

it('ends a sleep at an abort, and sleeps no more behind one', async () => {
  const stopping = new AbortController();
  const bell = new Doorbell();
  const sleep = bell.sleep(LONG, stopping.signal);
  stopping.abort();
  await sleep;
  await bell.sleep(LONG, stopping.signal);
});

it('wakes by itself when the time has passed', async () => {
  await new Doorbell().sleep(1, NEVER);
});
