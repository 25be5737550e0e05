import type { Sample } from './contender.ts';
import type { Measure } from './ratios.ts';
import type { CaseResult, GoalResult } from './run-case.ts';
import { sumTraffic } from './traffic-meter.ts';

/** Markdown tables, columns aligned: what was measured, and how that stands to the goals. One without rows is left out. */
export function showResults(cases: readonly CaseResult[]): string {
  return [measurements, requests, processes, sweep, goals]
    .map((table) => table(cases))
    .filter((table) => table !== '')
    .join('\n');
}

function measurements(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ name, ours, peers }) => [
    row(name, '**lockstep**', ours),
    ...Object.entries(peers).map(([peer, summary]) => row('', peer, summary)),
  ]);
  return grid(
    ['case', 'program', 'wall', 'work', 'cpu', 'peak memory', 'up', 'down', 'bodies', 'one link', 'requests'],
    rows,
  );
}

function row(name: string, program: string, { cpu, memory, wall, wire, work }: Sample): string[] {
  const { bodies, down, link, requests: count, up } = wire ?? {};
  return [
    name,
    program,
    seconds(wall),
    ...[work, cpu].map((time) => (time === undefined ? '' : seconds(time))),
    ...[memory, up, down, bodies, link].map((size) => (size === undefined ? '' : bytes(size))),
    count === undefined ? '' : String(count),
  ];
}

/** Of both servers, by what they are about. */
function requests(cases: readonly CaseResult[]): string {
  const counted = cases.flatMap(({ name, ours: { wire } }) => {
    const { destination, source } = wire?.parties ?? {};
    return source && destination ? [{ name, servers: [source, destination] }] : [];
  });
  const named = counted.flatMap(({ servers }) => servers.flatMap((server) => Object.keys(server.kinds)));
  const kinds = [...new Set(named)].sort();
  const rows = counted.map(({ name, servers }) => {
    const all = sumTraffic(servers);
    const count = (kind: string) => sumTraffic(servers.flatMap((server) => server.kinds[kind] ?? [])).requests;
    return [name, String(all.requests), ...[all.puts, ...kinds.map(count)].map((number) => String(number || ''))];
  });
  return grid(['case', 'requests', 'PUTs', ...kinds], rows);
}

/** Each part of ours as a process of its own. */
function processes(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ name, ours }) =>
    Object.entries(ours.processes ?? {}).map(([process, { cpu, memory }], index) => [
      index === 0 ? name : '',
      process,
      bytes(memory),
      seconds(cpu),
    ]),
  );
  return grid(['case', 'process', 'peak memory', 'cpu'], rows);
}

function sweep(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ ours }) =>
    (ours.sweep ?? []).map((one) => [
      one.files === 'medium' ? 'up to 8 MiB' : 'beyond',
      `${one.average / 1024} KiB${one.chosen ? ' (ours)' : ''}`,
      ...[one.base, one.nextWithoutDeltas, one.next].map(bytes),
      String(one.chunks),
      ...[one.baseIndex, one.nextIndex].map(bytes),
      bytes(one.next + one.nextIndex),
      seconds(one.cpu),
    ]),
  );
  const stored = ['base', 'next, no deltas', 'next', 'chunks', 'base index', 'next index', 'next in all', 'cpu'];
  return grid(['files', 'average', ...stored], rows);
}

function goals(cases: readonly CaseResult[]): string {
  const rows = cases.flatMap(({ goals: all, name }) =>
    all.map((goal, index) => [
      index === 0 ? name : '',
      goal.measure,
      goal.against === undefined ? amount(goal.measure, goal.atMost) : `${goal.atMost} x ${goal.against}`,
      goal.reached === null ? 'not measured' : reached(goal, goal.reached),
      goal.reached === null ? '' : goal.reached <= goal.atMost ? 'yes' : '**no**',
    ]),
  );
  return grid(['case', 'measure', 'at most', 'measured', 'reached'], rows);
}

function reached({ against, measure }: GoalResult, value: number): string {
  return against === undefined ? amount(measure, value) : `${value.toPrecision(3)} x`;
}

function amount(measure: Measure, value: number): string {
  switch (measure) {
    case 'wall':
    case 'work':
    case 'inventory':
      return seconds(value);
    case 'memory':
    case 'agent memory':
    case 'bytes':
    case 'bytes down':
    case 'bodies':
    case 'packs':
      return bytes(value);
    case 'requests':
    case 'uploads over':
      return String(value);
  }
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

/** Decimal, so that a number can be compared with what other programs print. */
export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} kB`;
  return value < 1e8 ? `${(value / 1e6).toFixed(2)} MB` : `${(value / 1e6).toFixed(0)} MB`;
}

/** Numbers stand to the right: everything but the first columns, two unless it is said otherwise. */
export function grid(titles: readonly string[], rows: readonly (readonly string[])[], words = 2): string {
  if (rows.length === 0) return '';
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => pad(cell, widths[column] ?? 0, column < words)).join(' | ')} |\n`;
  const ruler = widths.map((width, column) => (column < words ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [titles, ruler, ...rows].map(line).join('');
}

function pad(cell: string, width: number, isWord: boolean): string {
  return isWord ? cell.padEnd(width) : cell.padStart(width);
}
