import { setImmediate as othersFirst } from 'node:timers/promises';
import * as z from 'zod';
import { parseJson, parseValue } from '#core/documents.ts';
import { InvalidDocument } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import { type OpenPart, type Operation, openPart, type Plan, type PlannedDestination } from '#core/plan.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

export interface OperationFilter {
  readonly change: Operation['change'] | undefined;
  readonly class: string | undefined;
  /** In the path, whatever the case of its letters. */
  readonly find: string;
  /** Only paths behind this one. */
  readonly after: string;
}

export interface FoundOperations {
  readonly operations: readonly Operation[];
  readonly isMore: boolean;
}

export async function openPartOf(
  { store }: { readonly store: ObjectStore },
  { sync }: Plan,
  { part, server }: Extract<PlannedDestination, { readonly outcome: 'changes' }>,
): Promise<OpenPart> {
  const stored = await store.get(keys.part(sync, server, part));
  if (stored === undefined) throw new InvalidDocument(`plan part ${part}`, 'it is not in the store');
  return openPart(stored.body, part);
}

/** The first of those that fit. A part of a million is gone through line by line, others having their turn meanwhile. */
export async function findOperations(
  { lines, parse }: OpenPart,
  filter: OperationFilter,
  most: number,
): Promise<FoundOperations> {
  const operations: Operation[] = [];
  const fits = fitsFilter(filter);
  let seen = 0;
  for (const line of lines) {
    if (++seen % LINES_AT_ONCE === 0) await othersFirst();
    if (!fits(line)) continue;
    if (operations.length === most) return { operations, isMore: true };
    operations.push(parse(line));
  }
  return { operations, isMore: false };
}

/** The one of this path. */
export async function findOperation(part: OpenPart, path: string): Promise<Operation | undefined> {
  let seen = 0;
  for (const line of part.lines) {
    if (++seen % LINES_AT_ONCE === 0) await othersFirst();
    const at = pathOf(line);
    if (at === path) return part.parse(line);
    if (at > path) return undefined;
  }
  return undefined;
}

/** By the text of a line in the canonical form: the quotes in a path have backslashes before them. */
function fitsFilter({ after, change, class: wanted, find }: OperationFilter): (line: string) => boolean {
  const begins = change === undefined ? '{"change":"' : `{"change":"${change}"`;
  const holds = wanted === undefined ? '' : `"class":${JSON.stringify(wanted)}`;
  const sought = find.toLowerCase();
  return (line) => {
    if (!line.startsWith(begins) || !line.includes(holds)) return false;
    if (after === '' && sought === '') return true;
    const path = pathOf(line);
    return path > after && path.toLowerCase().includes(sought);
  };
}

function pathOf(line: string): string {
  return parseValue('plan part', pathSchema, parseJson('plan part', line)).path;
}

const pathSchema = z.object({ path: z.string() });
const LINES_AT_ONCE = 2000;
