import type { CallMeter } from '#bench/counting-store.ts';
import type { CountedCall } from '#bench/traffic-meter.ts';

/** What a store was asked for. */
export class CallCounter implements CallMeter {
  readonly calls: CountedCall[] = [];

  add(call: CountedCall): void {
    this.calls.push(call);
  }

  /** Calls since the last time that somebody asked; lists in pages of a thousand. */
  take(): { readonly lists: number; readonly reads: number; readonly writes: number; readonly bytes: number } {
    const taken = this.calls.splice(0);
    const count = (...methods: readonly CountedCall['method'][]) =>
      taken.filter(({ method }) => methods.includes(method)).length;
    return {
      lists: count('list'),
      reads: count('get', 'getIfChanged', 'getRange', 'head'),
      writes: count('put', 'create', 'replace', 'delete'),
      bytes: taken.reduce((sum, { bodyDown }) => sum + bodyDown, 0),
    };
  }
}
