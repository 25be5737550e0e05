import type { ClassChanges, Plan } from '#core/plan.ts';

/** What would change at all destinations together: by class, in the order of their names. */
export function sumByClass({ destinations }: Pick<Plan, 'destinations'>): readonly (readonly [string, ClassChanges])[] {
  const sums = new Map<string, ClassChanges>();
  for (const destination of destinations) {
    if (destination.outcome !== 'changes') continue;
    for (const [name, changes] of Object.entries(destination.classes))
      sums.set(name, add(sums.get(name) ?? NOTHING, changes));
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Of all classes. */
export function sumOfAll(plan: Pick<Plan, 'destinations'>): ClassChanges {
  return sumByClass(plan).reduce((sum, [, changes]) => add(sum, changes), NOTHING);
}

function add(a: ClassChanges, b: ClassChanges): ClassChanges {
  return {
    create: a.create + b.create,
    update: a.update + b.update,
    remove: a.remove + b.remove,
    keep: a.keep + b.keep,
    bytes: a.bytes + b.bytes,
  };
}

const NOTHING: ClassChanges = { create: 0, update: 0, remove: 0, keep: 0, bytes: 0 };
