import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDefinition } from '#embedded/definition.ts';
import { countIdleAgent, countSync, type SyncShape, type SyncUsage } from '#scale/usage.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';
import { writeTree } from '#test/support/trees.ts';
import { CountedFleet } from './counted-sync.ts';

/** One pack, one range of it, one index; manifests too small for deltas; one beat per apply. */
const SMALL: SyncShape = {
  destinations: 1,
  changed: 1,
  waveSize: 10,
  packs: 1,
  ranges: 1,
  indexes: 1,
  manifestLayers: 1,
  inventoryBeats: 0,
  applyBeats: 1,
  countedBeats: 1,
  approvers: 1,
};

let folder: string;
let fleet: CountedFleet;

beforeEach(async () => {
  folder = await temporaryFolder();
  fleet = new CountedFleet();
});

afterEach(() => fleet.end());

async function addServers(destinations: number) {
  writeTree(join(folder, 'source'), { 'a.ini': 'new', 'firmware/b.bin': 'x'.repeat(100) });
  const source = await fleet.add('here/source', join(folder, 'source'), 'source');
  const others = [];
  for (let number = 0; number < destinations; number++) {
    const root = join(folder, `destination-${number}`);
    writeTree(root, { 'a.ini': 'old' });
    others.push(await fleet.add(`there/destination-${number}`, root, 'destinations'));
  }
  return { source, others };
}

/** What can be seen of a real sync at the edges of the store and of the functions. */
function counted({ transitions: _, ...rest }: SyncUsage): Omit<SyncUsage, 'transitions'> {
  return rest;
}

describe('what the model says of a sync', () => {
  it.each([
    { destinations: 1, waveSize: 10 },
    { destinations: 3, waveSize: 3 },
    { destinations: 3, waveSize: 1 },
    { destinations: 4, waveSize: 3 },
    // More than one call of the plan function takes.
    { destinations: 51, waveSize: 51 },
  ])('is what was counted of a real one: $destinations destinations in waves of $waveSize', async (given) => {
    const workflow = await loadDefinition();
    const shape = { ...SMALL, ...given, changed: given.destinations };
    const { others, source } = await addServers(given.destinations);
    const first = await fleet.sync(source, others, given.waveSize);
    expect(first.verdict).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(first.usage).toEqual(counted(countSync(workflow, { ...shape, isFirst: true })));

    writeFileSync(join(folder, 'source/a.ini'), 'newer');
    writeFileSync(join(folder, 'source/c.ini'), 'more');
    const second = await fleet.sync(source, others, given.waveSize);
    expect(second.verdict).toMatchObject({ verdict: 'SUCCEEDED' });
    expect(second.usage).toEqual(counted(countSync(workflow, shape)));
  });

  it('counts what a destination that is in sync does not need', async () => {
    const { others, source } = await addServers(2);
    await fleet.sync(source, others, 10);
    const again = await fleet.sync(source, others, 10);
    expect(again.verdict).toMatchObject({ verdict: 'IN_SYNC' });
    const shape = { ...SMALL, destinations: 2, changed: 0, packs: 0, indexes: 0, ranges: 0 };
    expect(again.usage).toEqual(counted(countSync(await loadDefinition(), shape)));
  });
});

describe('the transitions of a sync', () => {
  // Prepare, Inventory, Plan, NeedsApproval, Approval, FirstWave, (ApplyWave, JudgeWave, MoreWaves) a wave, Applied,
  // Report, EndedWell, Succeeded: ten and three a wave. TakeInventory for each server, Apply for each destination.
  it.each([
    { destinations: 1, changed: 1, waveSize: 1, states: 10 + 3 + 2 + 1, executions: 1 + 2 + 1 },
    { destinations: 10, changed: 10, waveSize: 4, states: 10 + 3 * 3 + 11 + 10, executions: 1 + 11 + 10 },
    { destinations: 10, changed: 2, waveSize: 4, states: 10 + 3 + 11 + 2, executions: 1 + 11 + 2 },
    // Planned in place of Approval and all behind it.
    { destinations: 10, changed: 0, waveSize: 4, states: 8 + 11, executions: 1 + 11 },
    // PlanBatches with two children, JoinPlan, and NeedsApproval once more.
    { destinations: 60, changed: 60, waveSize: 60, states: 10 + 3 + 61 + 60 + 3 + 2, executions: 1 + 61 + 60 + 2 },
  ])('are those that one counts by hand: $changed of $destinations in waves of $waveSize', async (given) => {
    const { executions, states, ...shape } = given;
    const { transitions } = countSync(await loadDefinition(), { ...SMALL, ...shape });
    expect(transitions).toEqual({ states, executions });
  });
});

describe('an agent without a sync', () => {
  it('looks for an order by its clock, and says that it lives by another', () => {
    const clock = { pollSeconds: 5, statusSeconds: 10, readBackSeconds: 300 };
    expect(countIdleAgent(clock, 3600)).toEqual({ polls: 720, statuses: 360, readBacks: 12 });
  });

  it('says so no more often than it looks', () => {
    const clock = { pollSeconds: 60, statusSeconds: 10, readBackSeconds: 300 };
    expect(countIdleAgent(clock, 3600)).toEqual({ polls: 60, statuses: 60, readBacks: 12 });
  });
});
