import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Where a file stands, what it imports, and whether the fences of biome.json let it. */
type Import = readonly [from: string, imported: string];

const REFUSED: readonly Import[] = [
  ['core/x.ts', 'node:fs'],
  ['core/x.ts', 'node:fs/promises'],
  ['core/x.ts', 'node:process'],
  ['core/x.ts', 'fs'],
  ['core/x.ts', 'yaml'],
  ['core/x.ts', '@aws-sdk/client-s3'],
  ['core/x.ts', '#adapters/x.ts'],
  ['core/x.ts', '../adapters/x.ts'],
  ['core/ports/x.ts', '../../adapters/x.ts'],
  ['adapters/x.ts', '#functions/x.ts'],
  ['adapters/x.ts', '#agents/x.ts'],
  ['adapters/x.ts', '#embedded/x.ts'],
  ['adapters/x.ts', '#cli/x.ts'],
  ['adapters/x.ts', '#test/x.ts'],
  ['adapters/x.ts', '../cdk/x.ts'],
  ['adapters/x.ts', '../core/x.ts'],
  ['functions/x.ts', '#agents/x.ts'],
  ['functions/x.ts', '../agents/x.ts'],
  ['functions/plan/x.ts', '../../agents/x.ts'],
  ['functions/plan/x.ts', '#embedded/x.ts'],
  ['functions/plan/x.ts', '#cli/x.ts'],
  ['functions/plan/x.ts', '../../cdk/x.ts'],
  ['agents/x.ts', '#functions/x.ts'],
  ['agents/x.ts', '../functions/plan/x.ts'],
  ['agents/x.ts', '#embedded/x.ts'],
  ['agents/x.ts', '#cli/x.ts'],
  ['embedded/x.ts', '#cli/x.ts'],
  ['embedded/x.ts', '../cli/x.ts'],
  ['embedded/x.ts', '../cdk/x.ts'],
  ['cli/commands/x.ts', '../../cdk/x.ts'],
  ['cli/commands/x.ts', '#test/x.ts'],
  ['cli/commands/x.ts', '../../demo/x.ts'],
  ['agents/x.ts', '#bench/x.ts'],
  ['cli/commands/x.ts', '../../bench/x.ts'],
  ['functions/plan/x.ts', '#scale/x.ts'],
  ['functions/plan/x.ts', '../../cost/x.ts'],
  ['cli/commands/x.ts', '#cost/x.ts'],
  ['cdk/x.ts', '#scale/x.ts'],
  ['cdk/x.ts', '#adapters/x.ts'],
  ['cdk/x.ts', '#functions/x.ts'],
  ['cdk/x.ts', '#agents/x.ts'],
  ['cdk/x.ts', '../cli/x.ts'],
  ['cdk/x.ts', '#build/x.ts'],
];

const ALLOWED: readonly Import[] = [
  ...['zod', 'canonicalize', 'picomatch', 'node:crypto', 'node:zlib', './y.ts', '../y.ts', './ports/y.ts'].map(
    (imported): Import => ['core/ports/x.ts', imported],
  ),
  ['adapters/x.ts', '#core/x.ts'],
  ['adapters/x.ts', 'node:fs/promises'],
  ['functions/plan/x.ts', '#core/x.ts'],
  ['functions/plan/x.ts', '#adapters/x.ts'],
  ['functions/plan/x.ts', '../apply/x.ts'],
  ['functions/plan/x.ts', '@middy/core'],
  ['agents/x.ts', '#core/x.ts'],
  ['agents/x.ts', '#adapters/x.ts'],
  ['embedded/x.ts', '#functions/plan/x.ts'],
  ['embedded/x.ts', '#agents/x.ts'],
  ['cli/commands/x.ts', '#embedded/x.ts'],
  ['cli/commands/x.ts', '#agents/x.ts'],
  ['cli/commands/x.ts', '../show/x.ts'],
  ['cdk/x.ts', '#core/x.ts'],
  ['cdk/x.ts', 'aws-cdk-lib'],
  ['cdk/x.ts', '#build/lambda-bundle.ts'],
  ['test/x.ts', '#functions/plan/x.ts'],
];

const READS_ENVIRONMENT = 'export const home = process.env.HOME;\n';
const OTHER_FILES: Readonly<Record<string, string>> = {
  'agents/scan.ts': READS_ENVIRONMENT,
  'functions/plan/plan.ts': READS_ENVIRONMENT,
  'cli/commands/sync.ts': `import { env } from 'node:process';\n\nexport const home = env.HOME;\n`,
  'agents/main.ts': READS_ENVIRONMENT,
  'functions/plan/handler.ts': READS_ENVIRONMENT,
  'cdk/app.ts': READS_ENVIRONMENT,
  'agents/cycle-a.ts': `import { b } from './cycle-b.ts';\n\nexport const a = () => b;\n`,
  'agents/cycle-b.ts': `import { a } from './cycle-a.ts';\n\nexport const b = () => a;\n`,
};

const repository = resolve(import.meta.dirname, '..');
let folder: string;
let findings: ReadonlySet<string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'layers-'));
  for (const file of ['biome.json', '.gitignore']) await copyFile(join(repository, file), join(folder, file));
  for (const [index, [from, imported]] of [...REFUSED, ...ALLOWED].entries()) {
    await write(numbered(from, index), `import { x } from '${imported}';\n\nexport const y = x;\n`);
  }
  for (const [file, source] of Object.entries(OTHER_FILES)) await write(file, source);
  findings = await lint();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the fence between the layers', () => {
  test.each(REFUSED.map(([from, imported], index) => ({ from, imported, index })))(
    'refuses $imported in $from',
    ({ from, index }) => {
      expect(findings).toContain(`noRestrictedImports ${numbered(from, index)}`);
    },
  );

  test.each(ALLOWED.map(([from, imported], index) => ({ from, imported, index })))(
    'lets $from import $imported',
    ({ from, index }) => {
      expect(findings).not.toContain(`noRestrictedImports ${numbered(from, REFUSED.length + index)}`);
    },
  );
});

test('only handler.ts, main.ts and app.ts read the environment', () => {
  const readers = [...findings].filter((finding) => finding.startsWith('noProcessEnv')).toSorted();
  expect(readers).toEqual([
    'noProcessEnv agents/scan.ts',
    'noProcessEnv cli/commands/sync.ts',
    'noProcessEnv functions/plan/plan.ts',
  ]);
});

test('modules do not import each other in a circle', () => {
  const circle = [...findings].filter((finding) => finding.startsWith('noImportCycles')).toSorted();
  expect(circle).toEqual(['noImportCycles agents/cycle-a.ts', 'noImportCycles agents/cycle-b.ts']);
});

function numbered(file: string, index: number): string {
  return file.replace(/x\.ts$/, `x${index}.ts`);
}

async function write(file: string, source: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), source);
}

/** `rule file` for every finding, by the very configuration of this repository. */
async function lint(): Promise<ReadonlySet<string>> {
  const biome = join(repository, 'node_modules/.bin/biome');
  const stdout = await new Promise<string>((finished) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile(biome, ['lint', '--reporter=json', '--max-diagnostics=none'], options, (_, output) => finished(output));
  });
  const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
  return new Set(report.diagnostics.map((one) => `${one.category.split('/').at(-1)} ${one.location.path}`));
}
