import { describe, expect, it } from 'vitest';
import { keys } from '#core/keys.ts';
import { FakeFleet, file } from '#test/support/fake-fleet.ts';
import { type Death, mortalStore } from '#test/support/mortal-store.ts';

const NEW = [file('a.cfg', 'A'), file('b.cfg', 'b'), file('x.lic', 'yours', 'license')];
const OLD = [file('a.cfg', 'a'), file('x.lic', 'mine', 'license')];

/** Nothing here may come to its end by a time limit. */
const PATIENT = { offlineSeconds: 600, inventorySeconds: 600, applySeconds: 600, approvalSeconds: 600 };

/** Deaths that are tried at the same time. */
const AT_ONCE = 24;

describe('a controller that is killed', () => {
  it('before any one of its store calls: comes, started again, to the verdict that it would have come to', () =>
    tryEveryDeath((beforeCall) => ({ beforeCall })));

  it('after any one of its writes, unanswered: comes, started again, to the same verdict', () =>
    tryEveryDeath((afterWrite) => ({ afterWrite })));
});

/** From the first call on, until one comes too late. */
async function tryEveryDeath(deathAt: (call: number) => Death): Promise<void> {
  let survived = false;
  for (let call = 1; !survived; call += AT_ONCE) {
    const deaths = Array.from({ length: AT_ONCE }, (_, index) => deathAt(call + index));
    const runs = await Promise.all(deaths.map(syncWithDeath));
    for (const [index, { ended }] of runs.entries()) expect({ ...deaths[index], ...ended }).toMatchObject(RIGHT);
    survived = runs.every(({ killed }) => !killed);
  }
}

const RIGHT = {
  verdict: 'SUCCEEDED',
  destinations: ['SUCCEEDED', 'SUCCEEDED'],
  steps: [['inventory'], ['inventory', 'apply'], ['inventory', 'apply']],
  leftBehind: [],
};

/** One sync in two waves, with one decision; whether the controller was killed, and what came of it. */
async function syncWithDeath(death: Death) {
  const fleet = new FakeFleet();
  const mortal = mortalStore(fleet.store, death);
  try {
    for (const [index, entries] of [NEW, OLD, OLD].entries()) await fleet.add(`plant-a/tm${index}`, entries);
    const sync = await fleet.request({ waveSize: 1, timeouts: PATIENT });
    await fleet.start(mortal.store);
    const isOver = async () => (await fleet.store.head(keys.execution(sync))) === undefined;
    const deciding = fleet.vote(sync, 'APPROVED');
    const killed = await Promise.race([mortal.died.then(() => true), fleet.until(isOver).then(() => false)]);
    if (killed) {
      fleet.killController();
      await fleet.start();
      await fleet.until(isOver);
    }
    await deciding;
    const { verdict, destinations } = await fleet.verdict(sync);
    return {
      killed,
      ended: {
        verdict,
        destinations: destinations.map(({ verdict: one }) => one),
        ...trace(fleet, await leftBehind(fleet)),
      },
    };
  } finally {
    await fleet.end();
  }
}

function trace(fleet: FakeFleet, left: readonly string[]) {
  const steps = [...fleet.agents.values()].map(({ obeyed }) => obeyed.map(({ step }) => step));
  return { steps, leftBehind: left };
}

async function leftBehind({ store }: FakeFleet): Promise<string[]> {
  const left: string[] = [];
  for (const prefix of ['tokens/', keys.executions()]) {
    for await (const { key } of store.list(prefix)) left.push(key);
  }
  return left;
}
