import { describe, expect, it } from 'vitest';
import type { Case } from '#bench/cases.ts';
import type { Contender } from '#bench/contender.ts';
import { type CaseResult, runCase } from '#bench/run-case.ts';
import { showResults } from '#bench/show.ts';
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

async function runFake(installed: readonly string[]): Promise<{ result: CaseResult; events: string[] }> {
  const events: string[] = [];
  const wanted: Case = {
    name: 'fake',
    goals: [
      { measure: 'wall', against: 'rsync', atMost: 0.5 },
      { measure: 'requests', atMost: 5 },
    ],
    ours: () => contender('ours', [1, 2, 9], events),
    peers: { rsync: () => contender('rsync', [4, 5, 6], events), casync: () => contender('casync', [1, 1, 1], events) },
  };
  const workspace = { settle: async () => undefined } as Workspace;
  const options = { workspace, runs: 3, isInstalled: (peer: string) => installed.includes(peer), say: () => undefined };
  return { result: await runCase(wanted, options), events };
}

describe('a case', () => {
  it('lets ours and the peers run by turns, each reset before, all disposed of in the end', async () => {
    const { events } = await runFake(['rsync']);
    const turn = ['ours reset', 'ours ran', 'rsync reset', 'rsync ran'];
    const ends = ['ours disposed', 'rsync disposed'];
    expect(events).toEqual(['ours prepared', 'rsync prepared', ...turn, ...turn, ...turn, ...ends]);
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
    expect(result.ratios).toContainEqual({ measure: 'wall', against: 'casync', ratio: 2 });
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
        '| case | program      |   wall | work | cpu | peak memory |    up |   down | one link | requests |',
        '| ---- | ------------ | -----: | ---: | --: | ----------: | ----: | -----: | -------: | -------: |',
        '| fake | **lockstep** | 2.00 s |      |     |     2.00 MB | 500 B | 1.5 kB |          |        7 |',
        '|      | rsync        | 5.00 s |      |     |     2.00 MB | 500 B | 1.5 kB |          |        7 |',
        '',
        '| case | measure  |     at most | measured | reached |',
        '| ---- | -------- | ----------: | -------: | ------: |',
        '| fake | wall     | 0.5 x rsync |  0.400 x |     yes |',
        '|      | requests |           5 |        7 |  **no** |',
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
