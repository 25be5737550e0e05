import type { ContentKey } from '#core/keys.ts';
import type { Fate, SweepCounts, SweepReport, Tally } from '#core/sweep.ts';

type State = Fate | 'removed';

/** What became of how many objects of each kind, of how many bytes. */
export class Tallies {
  readonly #tallies = new Map<`${ContentKey['kind']} ${State}`, Tally>();

  add(kind: ContentKey['kind'], state: State, bytes: number): void {
    this.#change(kind, state, { objects: 1, bytes });
  }

  /** What was due is gone. */
  remove(kind: ContentKey['kind'], bytes: number): void {
    this.#change(kind, 'due', { objects: -1, bytes: -bytes });
    this.#change(kind, 'removed', { objects: 1, bytes });
  }

  /** What is still due counts as `dueAs`: removed in a dry run, else waiting. */
  counts(dueAs: 'removed' | 'waiting'): SweepReport['counts'] {
    const of = (kind: ContentKey['kind']): SweepCounts => {
      const due = this.#get(kind, 'due');
      const shown = (state: keyof SweepCounts): Tally =>
        state === dueAs ? sum(this.#get(kind, state), due) : this.#get(kind, state);
      return {
        kept: shown('kept'),
        marked: shown('marked'),
        waiting: shown('waiting'),
        removed: shown('removed'),
      };
    };
    return { snapshot: of('snapshot'), index: of('index'), pack: of('pack') };
  }

  #get(kind: ContentKey['kind'], state: State): Tally {
    return this.#tallies.get(`${kind} ${state}`) ?? { objects: 0, bytes: 0 };
  }

  #change(kind: ContentKey['kind'], state: State, by: Tally): void {
    this.#tallies.set(`${kind} ${state}`, sum(this.#get(kind, state), by));
  }
}

function sum(a: Tally, b: Tally): Tally {
  return { objects: a.objects + b.objects, bytes: a.bytes + b.bytes };
}
