import { Dice } from './randomness.ts';

/** Files of one kind, and how many of them each release changes, adds and removes. */
export interface Turnover {
  readonly count: number;
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
}

export interface Numbered {
  readonly number: number;
  /** The generations that changed it, ascending; one that was added later is only new. */
  readonly changedIn: readonly number[];
  /** When it became what it is. */
  readonly time: number;
}

/** The files of one kind that the release `generation` steps behind base holds. A step removes none that it changes. */
export function* numbersOf(kind: string, turnover: Turnover, generation: number): Generator<Numbered> {
  const { added, count } = turnover;
  const steps = Array.from({ length: generation }, (_, index) => turn(kind, turnover, index + 1));
  for (let number = 0; number < count + generation * added; number++) {
    if (steps.some(({ removed }) => removed.has(number))) continue;
    const changedIn = steps.flatMap(({ changed }, index) => (changed.has(number) ? [index + 1] : []));
    const since = number < count ? 0 : Math.floor((number - count) / added) + 1;
    yield { number, changedIn, time: timeOf(changedIn.at(-1) ?? since) };
  }
}

/** Of a file that this generation made, in seconds since 1970: base in January 2026, then every other month. */
export function timeOf(generation: number): number {
  return generation === 0 ? BASE_TIME : Date.UTC(2026, 2 * generation, 1) / 1000;
}

/** What a step of this generation is seeded with; the first as it was before there were others. */
export function stepLabel(label: string, generation: number): string {
  return generation === 1 ? label : `${label}|${generation}`;
}

interface Step {
  readonly changed: ReadonlySet<number>;
  readonly removed: ReadonlySet<number>;
}

function turn(kind: string, { changed, count, removed }: Turnover, generation: number): Step {
  const touched = new Dice(stepLabel(`release|${kind}`, generation)).distinct(changed + removed, count);
  const every = Math.max(1, Math.floor(touched.length / Math.max(1, removed)));
  const gone = new Set(touched.filter((_, index) => index % every === 0).slice(0, removed));
  return { changed: new Set(touched.filter((number) => !gone.has(number))), removed: gone };
}

const BASE_TIME = Date.UTC(2026, 0, 15) / 1000;
