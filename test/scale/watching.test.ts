import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { wrapStore } from '#adapters/wrap-store.ts';
import { castVote } from '#functions/approval/cast-vote.ts';
import { countLook, LOOK_SECONDS } from '#scale/usage.ts';
import { ConsoleUnderTest } from '#test/console/browser.ts';
import { planFleet } from '#test/functions/planned-fleet.ts';

it.each([1, 4, 9])('a look at a sync of %i destinations reads as much as is counted, and not more', async (changed) => {
  const waveSize = 4;
  const { dependencies, fleet, sync } = await planFleet(changed, { waveSize });
  const { publicKey: controlKey } = dependencies.signer;
  const vote = { sync, plan: await fleet.planned(sync), decision: 'APPROVED', by: 'approver', via: 'test' } as const;
  await castVote({ store: fleet.store, controlKey, now: () => new Date() }, vote);
  let reads = 0;
  const store = wrapStore(fleet.store, async (_, run) => {
    reads++;
    return await run();
  });
  let later = 0;
  const now = () => new Date(Date.now() + later);
  const browser = new ConsoleUnderTest({ store, controlKey, now }).signIn('viewer', ['viewer']);
  const look = async () => await browser.get(`/syncs/${sync}/now`);
  expect((await look()).headers.get('Lockstep-Phase')).toBe('applying');
  reads = 0;
  later = LOOK_SECONDS * 1000;
  await look();
  expect(reads).toBe(countLook({ changed, waveSize }));
  await fleet.end();
});

it('browsers look as often as is counted', () => {
  const script = readFileSync(resolve(import.meta.dirname, '../../functions/console/assets/console.js'), 'utf8');
  expect(script).toMatch(new RegExp(`setTimeout\\(\\w+, ${LOOK_SECONDS * 1000}\\)`));
});
