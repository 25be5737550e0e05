import { readFile } from 'node:fs/promises';
import aslValidator from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { ERROR_NAMES } from '#core/errors.ts';

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly End?: boolean;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next: string }[];
  readonly Catch?: readonly { readonly ErrorEquals: readonly string[]; readonly Next: string }[];
  readonly Retry?: readonly { readonly ErrorEquals: readonly string[] }[];
  readonly ItemProcessor?: Machine;
}

interface Machine {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

const text = await readFile(new URL('../../functions/sync.asl.json', import.meta.url), 'utf8');
const workflow = JSON.parse(text) as Machine;
const states = allStates(workflow);

/** Names that Step Functions itself gives to errors. */
const AWS_ERRORS = [
  'States.ALL',
  'States.ItemReaderFailed',
  'States.Timeout',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ServiceException',
  'Lambda.TooManyRequestsException',
];

describe('the workflow definition', () => {
  it('is valid Amazon States Language', () => {
    const { isValid, errorsText } = aslValidator(JSON.parse(text), { checkPaths: true, checkArn: true });
    expect(errorsText()).toBe('');
    expect(isValid).toBe(true);
  });

  it('catches and retries only errors that exist', () => {
    const named = states.flatMap(([, { Catch = [], Retry = [] }]) =>
      [...Catch, ...Retry].flatMap(({ ErrorEquals }) => ErrorEquals),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(
      named.filter((name) => !AWS_ERRORS.includes(name) && !(ERROR_NAMES as readonly string[]).includes(name)),
    ).toEqual([]);
  });

  it('catches every error of every task and map', () => {
    const uncaught = states.filter(
      ([, { Type, Catch = [] }]) =>
        (Type === 'Task' || Type === 'Map') && Catch.at(-1)?.ErrorEquals[0] !== 'States.ALL',
    );
    expect(uncaught.map(([name]) => name)).toEqual([]);
  });

  it('ends every error path in Fail, but for those that remind and wait on', () => {
    for (const [name, { Catch = [] }] of Object.entries(workflow.States)) {
      const ending = Catch.filter(({ Next }) => !['Remind', 'LastCall'].includes(Next));
      expect(ending.length > 0 || name === 'Remind', name).toBe(Catch.length > 0);
      for (const { Next } of ending) expect([...endsFrom(workflow, Next)], `${name} -> ${Next}`).toEqual(['Fail']);
    }
  });

  it('goes on waiting where nobody could be reminded', () => {
    expect(workflow.States.Remind?.Catch?.map(({ Next }) => Next)).toEqual(['LastCall']);
  });

  it('makes an error inside a map an outcome of that item, for the report to judge', () => {
    const maps = Object.values(workflow.States).flatMap(({ ItemProcessor }) => ItemProcessor ?? []);
    expect(maps).toHaveLength(3);
    for (const map of maps) {
      const caught = Object.values(map.States).flatMap(({ Catch = [] }) => Catch.map(({ Next }) => map.States[Next]));
      expect(caught).toEqual([expect.objectContaining({ Type: 'Pass', End: true })]);
    }
    expect([...endsFrom(workflow, 'JudgeWave')].sort()).toEqual(['Fail', 'Succeed']);
  });

  it('succeeds only behind the verdict', () => {
    const before = Object.entries(workflow.States).filter(([, state]) => nextOf(state).includes('Succeeded'));
    expect(before.map(([name]) => name)).toEqual(['EndedWell']);
    expect(Object.values(workflow.States).some(({ End }) => End === true)).toBe(false);
  });

  it('gives every state a name of its own, which the embedded engine relies on', () => {
    const names = states.map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('leads nowhere that does not exist, and to every state', () => {
    for (const machine of [
      workflow,
      ...Object.values(workflow.States).flatMap(({ ItemProcessor }) => ItemProcessor ?? []),
    ]) {
      const targets = [machine.StartAt, ...Object.values(machine.States).flatMap(nextOf)];
      expect(new Set(targets)).toEqual(new Set(Object.keys(machine.States)));
    }
  });
});

function allStates(machine: Machine): [string, State][] {
  return Object.entries(machine.States).flatMap(([name, state]) => [
    [name, state] as [string, State],
    ...(state.ItemProcessor === undefined ? [] : allStates(state.ItemProcessor)),
  ]);
}

function nextOf({ Next, Default, Choices = [], Catch = [] }: State): string[] {
  return [Next, Default, ...Choices.map((choice) => choice.Next), ...Catch.map((catcher) => catcher.Next)].filter(
    (name) => name !== undefined,
  );
}

/** The types of the states in which a path from here can end. */
function endsFrom(machine: Machine, name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return new Set();
  seen.add(name);
  const state = machine.States[name];
  if (state === undefined) return new Set([`nowhere: ${name}`]);
  const next = nextOf(state);
  return next.length === 0 ? new Set([state.Type]) : new Set(next.flatMap((one) => [...endsFrom(machine, one, seen)]));
}
