import definition from '#functions/sync.asl.json' with { type: 'json' };

/** A state of the Amazon States Language, as far as it is lowered here. */
interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly Parameters?: object;
  readonly TimeoutSeconds?: number;
  readonly TimeoutSecondsPath?: string;
  readonly HeartbeatSeconds?: number;
  readonly HeartbeatSecondsPath?: string;
  readonly ItemReader?: { readonly Parameters: object };
  readonly ItemProcessor?: Definition & { readonly ProcessorConfig?: object };
  readonly Retry?: readonly object[];
  readonly Catch?: readonly { readonly Next: string }[];
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next: string }[];
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** Under this name a lowered task finds the limits that the engine enforces, beside its own parameters. */
export const LIMITS = 'lockstepLimits';

/** What a lowered task that reads the items of a Map is for. */
export const READ_ITEMS = 'lockstep:readItems';

/** What the resource of a task ends with that ends when somebody answers its token. */
export const WAITS_FOR_TOKEN = '.waitForTaskToken';

/** The interpreter's own timer must never be first; it holds no more than 24 days. */
const LONGEST_TIMER_SECONDS = 2_100_000;

/** Where the items of a Map wait for it in the state's input; nothing of them goes on from there. */
const ITEMS_PATH = '$.items.list';

export function loadDefinition(): Definition {
  return definition;
}

/**
 * The same workflow in the words that aws-local-stepfunctions knows. It reads no items from S3: a task before the
 * Map reads them. It has no heartbeat, and looks for a timeout's path in the parameters instead of the input: both
 * become parameters, for our task handler to enforce.
 */
export function lowerDefinition<D extends Definition>(definition: D): D {
  const readers = new Map<string, string>();
  for (const [name, state] of Object.entries(definition.States)) {
    if (state.ItemReader !== undefined) readers.set(name, `${name}Items`);
  }
  const states: Record<string, State> = {};
  for (const [name, state] of Object.entries(definition.States)) {
    const reader = readers.get(name);
    if (reader !== undefined) states[reader] = { ...redirect(readItems(name, state), readers), Next: name };
    states[name] = redirect(lowerState(state), readers);
  }
  return { ...definition, StartAt: readers.get(definition.StartAt) ?? definition.StartAt, States: states };
}

function lowerState(state: State): State {
  if (state.Type === 'Task') return lowerTask(state);
  if (state.Type === 'Map') return lowerMap(state);
  return state;
}

function lowerTask(state: State): State {
  const { TimeoutSeconds, TimeoutSecondsPath, HeartbeatSeconds, HeartbeatSecondsPath, ...rest } = state;
  const limits = {
    ...limit('timeoutSeconds', TimeoutSeconds, TimeoutSecondsPath),
    ...limit('heartbeatSeconds', HeartbeatSeconds, HeartbeatSecondsPath),
  };
  return { ...rest, Parameters: { ...rest.Parameters, [LIMITS]: limits }, TimeoutSeconds: LONGEST_TIMER_SECONDS };
}

function limit(name: string, seconds: number | undefined, path: string | undefined): object {
  if (path !== undefined) return { [`${name}.$`]: path };
  return seconds === undefined ? {} : { [name]: seconds };
}

function lowerMap({ ItemReader, ItemProcessor, ...rest }: State): State {
  if (ItemProcessor === undefined) return rest;
  const { ProcessorConfig: _, ...processor } = ItemProcessor;
  return {
    ...rest,
    ...(ItemReader && { ItemsPath: ITEMS_PATH, ResultSelector: {}, ResultPath: '$.items' }),
    ...(!waits(processor) && { MaxConcurrency: 1 }),
    ItemProcessor: lowerDefinition(processor),
  };
}

/** Whether its tasks are the work of others. What this one process does itself is done one after the other. */
function waits({ States }: Definition): boolean {
  return Object.values(States).some(({ Resource }) => Resource?.endsWith(WAITS_FOR_TOKEN));
}

function readItems(map: string, { ItemReader, Retry, Catch }: State): State {
  return {
    ...lowerTask({ Type: 'Task', Parameters: { FunctionName: READ_ITEMS, Payload: ItemReader?.Parameters } }),
    ...{ Resource: 'arn:aws:states:::lambda:invoke', ResultSelector: { 'list.$': '$.Payload' }, ResultPath: '$.items' },
    ...(Retry && { Retry }),
    ...(Catch && { Catch }),
    Next: map,
  };
}

/** Whoever went to a Map goes to the task that reads its items. */
function redirect(state: State, readers: ReadonlyMap<string, string>): State {
  const target = (name: string) => readers.get(name) ?? name;
  return {
    ...state,
    ...(state.Next !== undefined && { Next: target(state.Next) }),
    ...(state.Default !== undefined && { Default: target(state.Default) }),
    ...(state.Choices && { Choices: state.Choices.map((choice) => ({ ...choice, Next: target(choice.Next) })) }),
    ...(state.Catch && { Catch: state.Catch.map((catcher) => ({ ...catcher, Next: target(catcher.Next) })) }),
  };
}
