import { table } from 'table';
import type { Call } from './fault.ts';
import type { Trial } from './lane.ts';

interface Row {
  faults: number;
  old: number;
  new: number;
  between: number;
  /** FAILED: neither could be proved before the restart. */
  unproved: number;
  wrong: number;
}

/** What was found, by scenario and step. */
export class Tally {
  readonly #rows = new Map<string, Row>();
  readonly wrongs: string[] = [];
  #missed = 0;

  /** How many faults were met, and in how many trials something was wrong. */
  get summary(): { readonly faults: number; readonly between: number; readonly wrong: number } {
    const rows = [...this.#rows.values()];
    const sum = (field: keyof Row) => rows.reduce((total, row) => total + row[field], 0);
    return { faults: sum('faults'), between: sum('between'), wrong: sum('wrong') };
  }

  add(scenario: string, trial: Trial): void {
    const { hit, isUnproved, placed, tree, wrongs } = trial;
    // Threads make it a call more or less.
    if (hit === undefined) this.#missed++;
    const row = this.#row(scenario, hit?.step ?? 'not met');
    row.faults++;
    row[tree]++;
    if (isUnproved) row.unproved++;
    if (wrongs.length === 0) return;
    row.wrong++;
    this.wrongs.push(`${scenario}: ${placed.fault} ${describe(hit, placed.call)}: ${wrongs.join('; ')}`);
  }

  show(): string {
    const head = ['scenario', 'step', 'faults', 'old', 'new', 'between', 'unproved', 'wrong'];
    const rows = [...this.#rows].map(([key, row]) => [
      ...key.split('\0'),
      ...[row.faults, row.old, row.new, row.between, row.unproved, row.wrong].map(String),
    ]);
    const drawHorizontalLine = (line: number, count: number) => line <= 1 || line === count;
    const columns = head.map((_, index) => ({ alignment: index < 2 ? 'left' : 'right' }) as const);
    return table([head, ...rows], { columns, drawHorizontalLine });
  }

  describeMissed(): string {
    return this.#missed === 0 ? '' : `${this.#missed} runs ended before the call that was to meet the fault.\n`;
  }

  #row(scenario: string, step: string): Row {
    const key = `${scenario}\0${step}`;
    const row = this.#rows.get(key) ?? { faults: 0, old: 0, new: 0, between: 0, unproved: 0, wrong: 0 };
    this.#rows.set(key, row);
    return row;
  }
}

function describe(hit: Call | undefined, call: number): string {
  return hit === undefined ? `call ${call}, which there was not` : `call ${hit.number}, ${hit.name} ${hit.path}`;
}
