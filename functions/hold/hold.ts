import type { Retention } from '#core/ports/retention.ts';
import type { Dependencies } from '../dependencies.ts';

type HoldDependencies = Pick<Dependencies, 'log' | 'now'> & { readonly retention: Retention };

/** Something was written that an audit rests on: from now on nobody removes it. Harmless when repeated. */
export async function hold({ now, retention }: HoldDependencies, key: string): Promise<void> {
  await retention.hold(key, now());
}
