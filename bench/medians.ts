import type { Sample, Stages, Usage, Wire } from './contender.ts';

/** Of the runs of one contender: each number is a median on its own; the parties' traffic is that of the last run. */
export interface Summary extends Sample {
  readonly runs: readonly Sample[];
}

export function summarise(runs: readonly Sample[]): Summary {
  const stages = stagesOf(known(runs.map((run) => run.stages)));
  const wire = wireOf(known(runs.map((run) => run.wire)));
  const processes = processesOf(known(runs.map((run) => run.processes)));
  const sweep = runs.at(-1)?.sweep;
  return {
    wall: median(runs.map((run) => run.wall)) ?? 0,
    ...optional('work', median(known(runs.map((run) => run.work)))),
    ...(stages !== undefined && { stages }),
    ...optional('cpu', median(known(runs.map((run) => run.cpu)))),
    ...optional('memory', median(known(runs.map((run) => run.memory)))),
    ...(wire !== undefined && { wire }),
    ...(processes !== undefined && { processes }),
    ...(sweep !== undefined && { sweep }),
    runs: runs.map(({ sweep: _, wire: one, ...run }) => ({
      ...run,
      ...(one !== undefined && { wire: withoutParties(one) }),
    })),
  };
}

/** `undefined` for nothing; of an even number the mean of the middle two. */
export function median(numbers: readonly number[]): number | undefined {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

function wireOf(all: readonly Wire[]): Wire | undefined {
  const last = all.at(-1);
  if (last === undefined) return undefined;
  return {
    up: median(all.map((wire) => wire.up)) ?? 0,
    ...optional('down', median(known(all.map((wire) => wire.down)))),
    ...optional('link', median(known(all.map((wire) => wire.link)))),
    ...optional('requests', median(known(all.map((wire) => wire.requests)))),
    ...optional('puts', median(known(all.map((wire) => wire.puts)))),
    ...optional('uploads', median(known(all.map((wire) => wire.uploads)))),
    ...optional('uploaded', median(known(all.map((wire) => wire.uploaded)))),
    ...optional('bodies', median(known(all.map((wire) => wire.bodies)))),
    ...optional('packs', median(known(all.map((wire) => wire.packs)))),
    ...(last.parties !== undefined && { parties: last.parties }),
  };
}

function stagesOf(all: readonly Stages[]): Stages | undefined {
  if (all.length === 0) return undefined;
  return {
    ...optional('sourceInventory', median(known(all.map((stages) => stages.sourceInventory)))),
    ...optional('destinationInventory', median(known(all.map((stages) => stages.destinationInventory)))),
    ...optional('apply', median(known(all.map((stages) => stages.apply)))),
  };
}

function processesOf(all: readonly Processes[]): Processes | undefined {
  if (all.length === 0) return undefined;
  const usageOf = (name: keyof Processes): Usage => ({
    memory: median(all.map((processes) => processes[name].memory)) ?? 0,
    cpu: median(all.map((processes) => processes[name].cpu)) ?? 0,
  });
  return { source: usageOf('source'), destination: usageOf('destination'), controller: usageOf('controller') };
}

type Processes = NonNullable<Sample['processes']>;

function withoutParties({ parties: _, ...wire }: Wire): Wire {
  return wire;
}

function known<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

function optional<K extends string>(name: K, value: number | undefined): { readonly [P in K]?: number } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [P in K]: number });
}
