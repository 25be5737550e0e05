import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Scale } from './fleet/trees.ts';
import type { CaseResult } from './run-case.ts';

interface Measured {
  readonly scale: Scale;
  readonly runs: number;
  readonly cases: readonly CaseResult[];
}

/** What is finished of an interrupted run; nothing where there is no file. Throws for one of another scale or other runs. */
export function readResults(path: string, { runs, scale }: Pick<Measured, 'runs' | 'scale'>): readonly CaseResult[] {
  if (!existsSync(path)) return [];
  const found = JSON.parse(readFileSync(path, 'utf8')) as Measured;
  if (found.scale === scale && found.runs === runs) return found.cases;
  throw new Error(
    `${path} has results of scale ${found.scale} and ${found.runs} runs: go on with the same, or name another file`,
  );
}

/** Whole or not at all. */
export function writeResults(path: string, document: Measured): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(document, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}
