import { LineHasher, type Sha256 } from './digest.ts';
import { type Artifact, type ManifestEntry, stateLine } from './manifest.ts';
import type { Operation } from './plan.ts';

/** A file that counts towards a state or a protected state, as far as that goes. */
export type StateFile = Pick<Artifact, 'class' | 'path' | 'sha256' | 'size'> & {
  readonly kind: 'artifact' | 'protected';
};

export interface DriftedFile {
  readonly change: 'changed' | 'missing' | 'added';
  readonly class: string;
  readonly path: string;
  readonly isProtected: boolean;
  /** Bytes that it should have; of one that was added, that it has. */
  readonly size: number;
}

/** The files of a manifest. */
export function* filesOf(entries: Iterable<ManifestEntry>): Generator<StateFile> {
  for (const entry of entries) if (entry.kind === 'artifact' || entry.kind === 'protected') yield entry;
}

/** The same once operations were applied; both in order of path. */
export function* filesAfter(former: Iterable<ManifestEntry>, operations: readonly Operation[]): Generator<StateFile> {
  let next = 0;
  const written = function* (before: string | undefined): Generator<StateFile> {
    for (let operation = operations[next]; operation !== undefined; operation = operations[next]) {
      if (before !== undefined && operation.path >= before) return;
      next++;
      if (operation.change === 'create' || operation.change === 'update') yield { ...operation, kind: 'artifact' };
    }
  };
  for (const file of filesOf(former)) {
    yield* written(file.path);
    const operation = operations[next];
    if (operation?.path !== file.path) yield file;
  }
  yield* written(undefined);
}

/** What is not as it should be; both sides in order of path. */
export function* findDrift(expected: Iterable<StateFile>, found: Iterable<StateFile>): Generator<DriftedFile> {
  const [ours, theirs] = [expected[Symbol.iterator](), found[Symbol.iterator]()];
  let [should, is] = [ours.next(), theirs.next()];
  while (should.done !== true || is.done !== true) {
    if (is.done === true || (should.done !== true && should.value.path < is.value.path)) {
      if (should.done !== true) yield describe('missing', should.value);
      should = ours.next();
    } else if (should.done === true || is.value.path < should.value.path) {
      yield describe('added', is.value);
      is = theirs.next();
    } else {
      if (stateLine(should.value) !== stateLine(is.value)) yield describe('changed', should.value);
      [should, is] = [ours.next(), theirs.next()];
    }
  }
}

/** Passes the files on, and counts them towards their states. */
export class StateSum {
  readonly #state = new LineHasher();
  readonly #protectedState = new LineHasher();

  *over(files: Iterable<StateFile>): Generator<StateFile> {
    for (const file of files) {
      (file.kind === 'artifact' ? this.#state : this.#protectedState).add(stateLine(file));
      yield file;
    }
  }

  states(): { readonly state: Sha256; readonly protectedState: Sha256 } {
    return { state: this.#state.digest(), protectedState: this.#protectedState.digest() };
  }
}

function describe(change: DriftedFile['change'], { class: fileClass, kind, path, size }: StateFile): DriftedFile {
  return { change, class: fileClass, path, isProtected: kind === 'protected', size };
}
