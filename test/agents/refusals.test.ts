import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DESTINATION } from './control.ts';
import { beginPair, refusalAfter, withOperation } from './pair.ts';

/** What is meant to do harm: test/attacks/. */
describe('an agent refuses, with a receipt and without a write,', () => {
  it('a plan made for another state, naming what has changed', async () => {
    const pair = beginPair();
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

  it('a plan made with another profile', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) => ({
      ...planned,
      header: { ...planned.header, profile: planned.header.stateBefore },
    }));
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('profile') });
  });

  it('to create what is there already, be it a link or a folder', async () => {
    const pair = beginPair();
    const receipt = await refusalAfter(pair, (planned) => {
      mkdirSync(join(pair.destination, 'firmware/b.bin'), { recursive: true });
      return planned;
    });
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'GUARD', detail: expect.stringContaining('a folder') });
  });

  it('content that does not fit on its disk', async () => {
    const receipt = await refusalAfter(beginPair(), (planned) =>
      withOperation(planned, 'huge.bin', { class: 'configuration', size: 2 ** 50 }),
    );
    expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'NO_SPACE' });
  });

  it('to read a root that is gone', async () => {
    const { control, destination } = beginPair();
    await control.plan();
    renameSync(destination, `${destination}-away`);
    const order = await control.order(DESTINATION, { step: 'inventory', snapshot: false });
    expect(await control.receipt(order)).toMatchObject({ outcome: 'REFUSED', reason: 'UNREADABLE' });
    rmSync(`${destination}-away`, { recursive: true });
  });
});

it('an agent without the permission to write refuses an apply', async (context) => {
  if (process.getuid?.() === 0) return context.skip('root may write everywhere');
  const pair = beginPair();
  const receipt = await refusalAfter(pair, (planned) => {
    chmodSync(join(pair.destination, 'd'), 0o555);
    return withOperation(planned, 'd/new.ini', { class: 'configuration' });
  });
  chmodSync(join(pair.destination, 'd'), 0o755);
  expect(receipt).toMatchObject({ outcome: 'REFUSED', reason: 'NO_PERMISSION' });
});
