import { describe, expect, it } from 'vitest';
import { type Definition, LIMITS, loadDefinition, lowerDefinition, READ_ITEMS } from '#embedded/definition.ts';

const workflow = await loadDefinition();
const lowered = lowerDefinition(workflow);
const maps = Object.keys(workflow.States).filter((name) => workflow.States[name]?.Type === 'Map');

describe('the workflow as the embedded engine runs it', () => {
  it('has the same states, and one more before each map', () => {
    expect(maps).toHaveLength(3);
    expect(Object.keys(lowered.States).sort()).toEqual(
      [...Object.keys(workflow.States), ...maps.map((map) => `${map}Items`)].sort(),
    );
    expect([...reachable(lowered)].sort()).toEqual(Object.keys(lowered.States).sort());
  });

  it('comes to a map only through the task that reads its items', () => {
    const arrivals = Object.entries(lowered.States).flatMap(([name, state]) =>
      targetsOf(state).flatMap((target) => (maps.includes(target) ? [`${name} -> ${target}`] : [])),
    );
    expect(arrivals).toEqual(maps.map((map) => `${map}Items -> ${map}`));
  });

  it('leads a catch, a choice, a default and the start to the reader, too', () => {
    const map = { Type: 'Map', ItemReader: { Parameters: { Key: 'k' } }, End: true };
    const { StartAt, States } = lowerDefinition({
      StartAt: 'Each',
      States: {
        Each: map,
        Task: { Type: 'Task', Catch: [{ Next: 'Each' }], Next: 'Each' },
        Choice: { Type: 'Choice', Choices: [{ Next: 'Each' }], Default: 'Each' },
      },
    });
    expect(StartAt).toBe('EachItems');
    expect(targetsOf(States.Task)).toEqual(['EachItems', 'EachItems']);
    expect(targetsOf(States.Choice)).toEqual(['EachItems', 'EachItems']);
  });

  it('reads the items of a map where the map says, and handles trouble as the map does', () => {
    for (const name of maps) {
      const [map, reader] = [workflow.States[name], lowered.States[`${name}Items`]];
      const Payload = map?.ItemReader?.Parameters;
      expect(reader?.Parameters).toMatchObject({ FunctionName: READ_ITEMS, Payload });
      expect(reader).toMatchObject({ Retry: map?.Retry, Catch: map?.Catch });
      expect(lowered.States[name]).toMatchObject({ ItemsPath: '$.items.list' });
      expect(lowered.States[name]).not.toHaveProperty('ItemReader');
    }
  });

  it('carries no items on behind a map, and does at once only what others do', () => {
    for (const name of maps) expect(lowered.States[name]).toMatchObject({ ResultSelector: {}, ResultPath: '$.items' });
    const atOnce = maps.map((name) => [name, (lowered.States[name] as { MaxConcurrency?: number }).MaxConcurrency]);
    expect(atOnce).toEqual([
      ['Inventory', 1000],
      ['PlanBatches', 1],
      ['ApplyWave', 1000],
    ]);
  });

  it('moves the limits of every task, also within a map, to where the engine finds them', () => {
    const before = allStates(workflow).filter(([, { Type }]) => Type === 'Task');
    const after = new Map(allStates(lowered));
    expect(before.length).toBeGreaterThan(7);
    for (const [name, task] of before) {
      const { TimeoutSecondsPath, HeartbeatSecondsPath } = task;
      expect(after.get(name)?.Parameters, name).toMatchObject({
        ...task.Parameters,
        [LIMITS]: {
          ...(TimeoutSecondsPath && { 'timeoutSeconds.$': TimeoutSecondsPath }),
          ...(HeartbeatSecondsPath && { 'heartbeatSeconds.$': HeartbeatSecondsPath }),
        },
      });
      expect(after.get(name)).not.toHaveProperty('HeartbeatSecondsPath');
      expect(after.get(name)).not.toHaveProperty('TimeoutSecondsPath');
    }
  });
});

type State = Definition['States'][string];

function targetsOf(state: State | undefined): string[] {
  const { Next, Default, Choices = [], Catch = [] } = state ?? {};
  return [Next, Default, ...Choices.map((one) => one.Next), ...Catch.map((one) => one.Next)].filter(
    (name) => name !== undefined,
  );
}

function reachable({ StartAt, States }: Definition): Set<string> {
  const found = new Set([StartAt]);
  for (const name of found) for (const next of targetsOf(States[name])) found.add(next);
  return found;
}

function allStates(definition: Definition): [string, State][] {
  return Object.entries(definition.States).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.ItemProcessor === undefined ? [] : allStates(state.ItemProcessor)),
  ]);
}
