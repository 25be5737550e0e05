import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALARMS } from '#cdk/alarms.ts';
import { REFUSAL_REASONS } from '#core/errors.ts';
import { anchorsOf, codeBlocks, codeSpans, PAGES, type Page, REPOSITORY, read } from './documents.ts';

const each = PAGES.map((page) => [page.path, page] as const);

describe('every page', () => {
  it.each(each)('%s leads to pages and sections that are there', (_, page) => {
    const links = [...page.text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !isThere(page, link))).toEqual([]);
  });

  it.each(each)('%s names files and folders that are there', (_, page) => {
    const named = [...codeSpans(page), ...codeBlocks(page).flatMap((block) => block.split(/\s+/))];
    const paths = named.filter((one) => OURS.test(one) && !MADE.has(one));
    expect(paths.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
  });

  it.each(each)('%s names npm scripts that are there', (_, { text }) => {
    const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);
    const named = [...text.matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g)].map(([, script = '']) => script);
    expect(named.filter((script) => !scripts.includes(script))).toEqual([]);
  });

  it.each(each)('%s names commands and options that are there', (_, page) => {
    const unknown = commandsIn(page).flatMap(({ line, options, program, verb }) => {
      const source = PROGRAMS[program].map(read).join('\n');
      const lacking = options.filter((option) => !source.includes(`--${option}`));
      const isVerb = verb === undefined || source.includes(`.command('${verb}'`) || source.includes(`['${verb}', `);
      return lacking.length > 0 || !isVerb ? [line] : [];
    });
    expect(unknown).toEqual([]);
  });
});

/** A whole path of this repository, without anything that is to be filled in. */
const OURS =
  /^(?:adapters|agents|bench|build|cdk|cli|core|cost|demo|docs|embedded|functions|profiles|scale|simulate|test)\/[a-z0-9/.-]*$/;

const MADE: ReadonlySet<string> = new Set(['dist/lockstep-agent.mjs']);

function isThere({ path, text }: Page, link: string): boolean {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? path : normalize(join(dirname(path), file)).replaceAll('\\', '/');
  if (!existsSync(join(REPOSITORY, target))) return false;
  return anchor === undefined || anchorsOf(file === '' ? text : read(target)).has(anchor);
}

const PROGRAMS = {
  lockstep: ['cli/program.ts'],
  'lockstep-agent': ['agents/main.ts'],
  cost: ['cost/program.ts'],
  bench: ['bench/main.ts'],
  faults: ['test/faults/main.ts'],
  soak: ['test/soak/main.ts'],
} as const;

/** What a signature begins with; no command. */
const SIGNED = 'lockstep signature';

interface NamedCommand {
  readonly line: string;
  readonly program: keyof typeof PROGRAMS;
  readonly verb: string | undefined;
  readonly options: readonly string[];
}

function commandsIn(page: Page): NamedCommand[] {
  const lines = [...codeBlocks(page).flatMap((block) => block.split('\n')), ...codeSpans(page)];
  return lines.flatMap((written) => {
    const line = (written.split(' #')[0] ?? '').trim();
    const own = /^(?:bin\/)?(lockstep-agent|lockstep) ([a-z]+)/.exec(line);
    const script = /^npm run (cost|bench|faults|soak) -- /.exec(line);
    const program = (own?.[1] ?? script?.[1]) as keyof typeof PROGRAMS | undefined;
    if (program === undefined || line === SIGNED) return [];
    const options = [...line.matchAll(/ --([a-z][a-z-]*)/g)].map(([, option = '']) => option);
    return [{ line, program, verb: own?.[2], options: options.filter((option) => option !== 'help') }];
  });
}

describe('docs/runbook.md', () => {
  const sections = sectionsOf('docs/runbook.md');

  it('has a section for every alarm, and none for an alarm that there is not', () => {
    expect(namesBelow('Alarms')).toEqual(Object.keys(ALARMS).toSorted());
  });

  it('says of every alarm what it means, what to look at, what to do, and when it is over', () => {
    for (const name of Object.keys(ALARMS)) {
      const points = [...(sections.get(name) ?? '').matchAll(/^- \*\*(.+?)\*\*:/gm)].map(([, point]) => point);
      expect([name, ...points]).toEqual([name, 'Means', 'Likely', 'Look', 'Do', 'Over when']);
    }
  });

  it('says what to do after every refusal', () => {
    expect(namesBelow('Refusals')).toEqual([...REFUSAL_REASONS].toSorted());
  });

  it('says what every exit status and every other reason of a verdict means', () => {
    const statuses = [...read('docs/runbook.md').matchAll(/^\| (\d) \|/gm)].map(([, status]) => status);
    expect(statuses).toEqual(['0', '1', '2', '3', '0', '1', '2', '3']);
    const source = ['functions/report/judge-destination.ts', 'functions/report/write-verdict.ts'].map(read).join('\n');
    const reasons = [...source.matchAll(/reason: '([A-Z_]+)'/g)].map(([, reason = '']) => reason);
    expect(reasons).not.toEqual([]);
    expect(reasons.filter((reason) => !read('docs/runbook.md').includes(`\`${reason}\``))).toEqual([]);
  });

  function namesBelow(chapter: string): string[] {
    const [, ...rest] = read('docs/runbook.md').split(`\n## ${chapter}\n`);
    const own = (rest[0] ?? '').split('\n## ')[0] ?? '';
    return [...own.matchAll(/^### (.+)$/gm)].map(([, name = '']) => name).toSorted();
  }
});

function sectionsOf(path: string): ReadonlyMap<string, string> {
  const parts = read(path).split(/^### /m).slice(1);
  return new Map(parts.map((part) => [part.split('\n')[0] ?? '', part]));
}

describe('docs/threat-model.md', () => {
  const rows = read('docs/threat-model.md')
    .split('\n## Spoofing')[1]
    ?.split('\n')
    .filter((line) => /^\| [^-t]/.test(line));

  it('names a test for every threat, and each is there', () => {
    expect(rows?.length).toBeGreaterThan(30);
    const wanting = (rows ?? []).filter((row) => !/`test\/|`npm run |seen in the code/.test(row));
    expect(wanting).toEqual([]);
    const named = [...read('docs/threat-model.md').matchAll(/`(test\/[^`]+\.ts)`: "([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(40);
    const missing = named.filter(
      ([, file = '', title = '']) => !existsSync(join(REPOSITORY, file)) || !has(file, title),
    );
    expect(missing.map(([whole]) => whole)).toEqual([]);
  });

  it('names a file where each is stopped', () => {
    const places = (rows ?? []).map((row) => row.split(' | ')[1] ?? '');
    const without = places.filter((place) => !/`[a-z]+\/[^`]+\.ts`/.test(place));
    // A promise of the store, not of a file.
    expect(without).toEqual(['created once']);
  });
});

/** As a title of a test or of a group of them. */
function has(file: string, title: string): boolean {
  return [`'${title}'`, `"${title}"`, `\`${title}\``].some((quoted) => read(file).includes(quoted));
}

describe('docs/deploy.md', () => {
  const [page] = PAGES.filter(({ path }) => path === 'docs/deploy.md');

  it('names settings that cdk/ knows', () => {
    const named = [...(page?.text ?? '').matchAll(/-c lockstep:([a-z][a-zA-Z]*)=/g)].map(([, name = '']) => name);
    expect(named).toContain('agentAuthority');
    expect(named.filter((name) => !read('cdk/settings.ts').includes(`  ${name}:`))).toEqual([]);
  });

  it('names outputs that the stack has', () => {
    const outputs = [...(page?.text ?? '').matchAll(/`([A-Z][A-Za-z]+(?:Arn|Url))`/g)].map(([, name = '']) => name);
    const sources = ['lockstep-stack', 'agent-access', 'people-access']
      .map((name) => read(`cdk/${name}.ts`))
      .join('\n');
    const isOutput = (name: string) =>
      sources.includes(`CfnOutput(this, '${name}'`) || sources.includes(`      ${name.replace(/Arn$/, '')}: {`);
    expect(outputs).toContain('StoreUrl');
    expect(outputs.filter((name) => !isOutput(name))).toEqual([]);
  });
});
