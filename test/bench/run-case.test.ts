import { describe, expect, it } from 'vitest';
import type { Case } from '#bench/cases.ts';
import type { Contender } from '#bench/contender.ts';
import { type CaseResult, effortOf, runCase } from '#bench/run-case.ts';
import { showResults } from '#bench/show.ts';
import { TrafficMeter } from '#bench/traffic-meter.ts';
import type { Workspace } from '#bench/workspace.ts';
import { replaceBetweenMarks } from '#bench/write-docs.ts';

/** Walls in seconds, one a run; what happens is written down. */
function contender(name: string, walls: readonly number[], events: string[]): Contender {
  const left = [...walls];
  const note = (event: string) => async () => void events.push(`${name} ${event}`);
  return {
    prepare: note('prepared'),
    reset: note('reset'),
    run: async () => {
      events.push(`${name} ran`);
      return { wall: left.shift() ?? Number.NaN, memory: 2_000_000, wire: { up: 500, down: 1500, requests: 7 } };
    },
    dispose: note('disposed'),
  };
}

async function runFake(
  installed: readonly string[],
  more: Partial<Case> = {},
): Promise<{ result: CaseResult; events: string[] }> {
  const events: string[] = [];
  const wanted: Case = {
    name: 'fake',
    goals: [
      { measure: 'wall', against: 'rsync', atMost: 0.5 },
      { measure: 'requests', atMost: 5 },
    ],
    ours: () => contender('ours', [1, 2, 9], events),
    peers: { rsync: () => contender('rsync', [4, 5, 6], events), casync: () => contender('casync', [1], events) },
    trees: [],
    effort: { prepare: 10, run: 1 },
    ...more,
  };
  const workspace = { settle: async () => undefined } as Workspace;
  let advanced = 0;
  const result = await runCase(wanted, {
    workspace,
    runs: 3,
    isInstalled: (peer) => installed.includes(peer),
    say: () => undefined,
    advance: (effort) => {
      advanced += effort;
    },
  });
  expect(advanced).toBeCloseTo(effortOf(wanted, 3));
  return { result, events };
}

describe('a case', () => {
  it('lets ours and the peers run by turns, each reset before, all disposed of in the end', async () => {
    const { events } = await runFake(['rsync']);
    const turn = ['ours reset', 'ours ran', 'rsync reset', 'rsync ran'];
    const ends = ['ours disposed', 'rsync disposed'];
    expect(events).toEqual(['ours prepared', 'rsync prepared', ...turn, ...turn, ...turn, ...ends]);
  });

  it('lets a peer that no goal is about run once', async () => {
    const { events, result } = await runFake(['rsync', 'casync']);
    expect(events.filter((event) => event.endsWith(' ran')).join(', ')).toBe(
      'ours ran, rsync ran, casync ran, ours ran, rsync ran, ours ran, rsync ran',
    );
    expect(result.ratios).toContainEqual({ measure: 'wall', against: 'casync', ratio: 1 });
  });

  it('is run once where each run would come to the same', async () => {
    const { events, result } = await runFake(['rsync'], { once: true });
    expect(events.filter((event) => event.endsWith(' ran'))).toEqual(['ours ran', 'rsync ran']);
    expect(result.ours.runs).toHaveLength(1);
  });

  it('says medians, the paired ratio, and which goals were reached', async () => {
    const { result } = await runFake(['rsync', 'casync']);
    expect(result).toMatchObject({
      name: 'fake',
      ours: { wall: 2, memory: 2_000_000, wire: { up: 500, down: 1500, requests: 7 } },
      peers: { rsync: { wall: 5 }, casync: { wall: 1 } },
      ratio: 0.4,
      goals: [{ reached: 0.4 }, { reached: 7 }],
    });
    expect(result.ratios).toContainEqual({ measure: 'wall', against: 'rsync', ratio: 0.4 });
  });

  it('has no ratio when the peer is not installed', async () => {
    const { result } = await runFake([]);
    expect(result).toMatchObject({ peers: {}, ratio: null, goals: [{ reached: null }, { reached: 7 }] });
  });
});

describe('the tables', () => {
  it('show every program, and every goal with what was measured', async () => {
    const { result } = await runFake(['rsync']);
    expect(showResults([result])).toBe(
      [
        '| case | program      |   wall | work | cpu | peak memory |    up |   down | bodies | one link | requests |',
        '| ---- | ------------ | -----: | ---: | --: | ----------: | ----: | -----: | -----: | -------: | -------: |',
        '| fake | **lockstep** | 2.00 s |      |     |     2.00 MB | 500 B | 1.5 kB |        |          |        7 |',
        '|      | rsync        | 5.00 s |      |     |     2.00 MB | 500 B | 1.5 kB |        |          |        7 |',
        '',
        '| case | measure  |     at most | measured | reached |',
        '| ---- | -------- | ----------: | -------: | ------: |',
        '| fake | wall     | 0.5 x rsync |  0.400 x |     yes |',
        '|      | requests |           5 |        7 |  **no** |',
        '',
      ].join('\n'),
    );
  });

  it('show the averages that were tried, and which one is ours', async () => {
    const { result } = await runFake([], { goals: [] });
    const tried = { files: 'large', average: 65_536, chosen: true, chunks: 42, cpu: 1.5 } as const;
    const stored = { base: 600e6, nextWithoutDeltas: 19e6, next: 3e6, baseIndex: 400e3, nextIndex: 200e3 };
    const shown = showResults([{ ...result, ours: { ...result.ours, sweep: [{ ...tried, ...stored }] } }]);
    expect(shown.split('\n').slice(4).join('\n')).toBe(
      [
        '| files  | average       |   base | next, no deltas |    next | chunks | base index | next index | next in all |    cpu |',
        '| ------ | ------------- | -----: | --------------: | ------: | -----: | ---------: | ---------: | ----------: | -----: |',
        '| beyond | 64 KiB (ours) | 600 MB |        19.00 MB | 3.00 MB |     42 |   400.0 kB |   200.0 kB |     3.20 MB | 1.50 s |',
        '',
      ].join('\n'),
    );
  });

  it('show requests by what they are about, and every process', async () => {
    const { result } = await runFake([], { goals: [] });
    const report = (key: string, times: number) => {
      const meter = new TrafficMeter();
      const call = { key, bodyUp: 10, bodyDown: 0, foundNothingNew: false };
      for (let time = 0; time < times; time++) meter.add({ ...call, method: 'create' });
      meter.add({ ...call, method: 'head' });
      return meter.report();
    };
    const parties = { source: report('packs/aa/1', 2), destination: report('snapshots/1', 1), control: report('x', 1) };
    const usage = { memory: 150e6, cpu: 2 };
    const processes = { source: usage, destination: usage, controller: usage };
    const shown = showResults([{ ...result, ours: { ...result.ours, processes, wire: { up: 1, parties } } }]);
    expect(shown.split('\n').slice(4).join('\n')).toBe(
      [
        '| case | requests | PUTs | packs | snapshots |',
        '| ---- | -------- | ---: | ----: | --------: |',
        '| fake | 5        |    3 |     3 |         2 |',
        '',
        '| case | process     | peak memory |    cpu |',
        '| ---- | ----------- | ----------: | -----: |',
        '| fake | source      |      150 MB | 2.00 s |',
        '|      | destination |      150 MB | 2.00 s |',
        '|      | controller  |      150 MB | 2.00 s |',
        '',
      ].join('\n'),
    );
  });

  it('take the place of the former ones in the document, and of nothing else', () => {
    const [begin, end] = [
      '<!-- Written by npm run bench -- --write-docs: change the bench, not this. -->',
      '<!-- End of what the bench wrote. -->',
    ];
    const document = (text: string) => `# Title\n\n${begin}\n\n${text}\n\n${end}\n\nMore.\n`;
    expect(replaceBetweenMarks(document('| old |'), '| new |\n')).toBe(document('| new |'));
    expect(() => replaceBetweenMarks('# Title\n', 'x')).toThrow('no marks');
  });
});
