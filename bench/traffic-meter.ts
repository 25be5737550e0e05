import { HEADER_BYTES, headersUp, isWrite, type Method } from './http-bytes.ts';

/** Bytes as they would cross the wire, headers included, and the bodies alone. */
export interface Traffic {
  readonly requests: number;
  /** Those of them that write. */
  readonly puts: number;
  readonly up: number;
  readonly down: number;
  readonly bodiesUp: number;
  readonly bodiesDown: number;
}

/** What one party moved. */
export interface TrafficReport extends Traffic {
  /**
   * Looks for an order that found nothing new, not in the sums above: how many there are is a matter of the interval
   * (an agent in a fleet looks every five seconds, here every few milliseconds), not of the sync.
   */
  readonly polls: Traffic;
  /** Done once in a server's life, and here again by every session; not in the sums either. */
  readonly enrolment: Traffic;
  readonly methods: Readonly<Partial<Record<Method, Traffic>>>;
  /** By what the objects are: `packs`, `manifests`, `receipts`, … */
  readonly kinds: Readonly<Record<string, Traffic>>;
}

export interface CountedCall {
  readonly method: Method;
  readonly key: string;
  readonly bodyUp: number;
  readonly bodyDown: number;
  /** There was no object, or it was as before. */
  readonly foundNothingNew: boolean;
}

/** Adds up the calls of one party. */
export class TrafficMeter {
  #polls = NO_TRAFFIC;
  #enrolment = NO_TRAFFIC;
  readonly #methods = new Map<Method, Traffic>();
  readonly #kinds = new Map<string, Traffic>();

  add(call: CountedCall): void {
    const traffic = trafficOf(call);
    const kind = kindOf(call.key);
    if (kind === 'current order' && call.foundNothingNew) {
      this.#polls = sumTraffic([this.#polls, traffic]);
      return;
    }
    if (ENROLMENT_KINDS.has(kind)) {
      this.#enrolment = sumTraffic([this.#enrolment, traffic]);
      return;
    }
    addTo(this.#methods, call.method, traffic);
    addTo(this.#kinds, kind, traffic);
  }

  report(): TrafficReport {
    return {
      ...sumTraffic([...this.#methods.values()]),
      polls: this.#polls,
      enrolment: this.#enrolment,
      methods: Object.fromEntries(this.#methods),
      kinds: Object.fromEntries([...this.#kinds].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}

export function sumTraffic(all: readonly Traffic[]): Traffic {
  const sum = (field: keyof Traffic) => all.reduce((total, one) => total + one[field], 0);
  return {
    requests: sum('requests'),
    puts: sum('puts'),
    up: sum('up'),
    down: sum('down'),
    bodiesUp: sum('bodiesUp'),
    bodiesDown: sum('bodiesDown'),
  };
}

function trafficOf({ bodyDown, bodyUp, method }: CountedCall): Traffic {
  return {
    requests: 1,
    puts: isWrite(method) ? 1 : 0,
    up: headersUp(method) + bodyUp,
    down: HEADER_BYTES.answer + bodyDown,
    bodiesUp: bodyUp,
    bodiesDown: bodyDown,
  };
}

function addTo<K>(totals: Map<K, Traffic>, name: K, traffic: Traffic): void {
  totals.set(name, sumTraffic([totals.get(name) ?? NO_TRAFFIC, traffic]));
}

/** The folder that says it: `servers/{site}/{name}/KIND/…`, `syncs/{sync}/KIND`, `KIND/…`. */
function kindOf(key: string): string {
  if (key.endsWith('/orders/current.json')) return 'current order';
  const parts = key.split('/');
  const place = parts[0] === 'servers' ? 3 : parts[0] === 'syncs' ? 2 : parts[0] === 'fleet' ? 1 : 0;
  return (parts[place] ?? key).replace(/\.json$/, '');
}

const ENROLMENT_KINDS: ReadonlySet<string> = new Set(['enrolment', 'control-key']);
export const NO_TRAFFIC: Traffic = { requests: 0, puts: 0, up: 0, down: 0, bodiesUp: 0, bodiesDown: 0 };
