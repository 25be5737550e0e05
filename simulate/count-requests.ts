import { isWrite } from '#bench/http-bytes.ts';
import type { CountedCall } from '#bench/traffic-meter.ts';
import type { Party, S3Requests } from '#scale/usage.ts';

/** Besides those of a deployed fleet: the embedded engine, which looks for what it waits for, since nobody tells it. */
export type Caller = Party | 'engine';

/** Calls at the store's edge, by who made them and by what their keys begin with. */
export class RequestCounter {
  readonly #callers = new Map<Caller, S3Requests>();
  readonly #prefixes = new Map<string, S3Requests>();

  add(caller: Caller, call: CountedCall): void {
    const kind = kindOf(call);
    this.#callers.set(caller, plusOne(this.#callers.get(caller), kind));
    if (caller === 'engine') return;
    const [prefix = ''] = call.key.split('/');
    this.#prefixes.set(`${prefix}/`, plusOne(this.#prefixes.get(`${prefix}/`), kind));
  }

  clear(): void {
    this.#callers.clear();
    this.#prefixes.clear();
  }

  byCaller(): Readonly<Partial<Record<Caller, S3Requests>>> {
    return Object.fromEntries(this.#callers);
  }

  /** Without those of the engine. */
  byPrefix(): Readonly<Record<string, S3Requests>> {
    return Object.fromEntries([...this.#prefixes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
}

export function sumRequests(all: readonly S3Requests[]): S3Requests {
  const sum = (kind: keyof S3Requests) => all.reduce((total, one) => total + one[kind], 0);
  return { puts: sum('puts'), gets: sum('gets'), lists: sum('lists'), deletes: sum('deletes') };
}

function plusOne(counted: S3Requests = NONE, kind: keyof S3Requests): S3Requests {
  return { ...counted, [kind]: counted[kind] + 1 };
}

function kindOf({ method }: CountedCall): keyof S3Requests {
  if (method === 'delete') return 'deletes';
  if (method === 'list') return 'lists';
  return isWrite(method) ? 'puts' : 'gets';
}

const NONE: S3Requests = { puts: 0, gets: 0, lists: 0, deletes: 0 };
