import { bringsContent, type Operation, type PlannedDestination } from '#core/plan.ts';

type NotableChange = Extract<PlannedDestination, { readonly outcome: 'changes' }>['notable'][number];

const MOST = 12;

/** The few changes that a person should see by name: what goes for good first, then the largest. */
export function notableChanges(operations: readonly Operation[]): NotableChange[] {
  const removed = operations
    .filter((operation) => operation.change === 'remove')
    .map(({ path, former }) => ({ change: 'remove', path, size: former.size }) as const);
  const brought = operations.filter(bringsContent).map(({ change, path, size }) => ({ change, path, size }));
  return [...removed.sort(bySize), ...brought.sort(bySize)].slice(0, MOST);
}

function bySize(a: { readonly size: number }, b: { readonly size: number }): number {
  return b.size - a.size;
}
