/**
 * The same for each of many servers, some at a time: one after the other, ten thousand take longer than a function may
 * run. In the order of the items. The first failure stops the others at their next item, and is thrown when all have
 * stopped.
 */
export async function lookAtAll<T, R>(
  items: readonly T[],
  look: (item: T) => Promise<R>,
  atOnce: number = AT_ONCE,
): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const failures: unknown[] = [];
  const lane = async () => {
    for (const [index, item] of left) {
      try {
        results[index] = await look(item);
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  if (failures.length > 0) throw failures[0];
  return results;
}

const AT_ONCE = 32;
/** Where each look may hold a whole part. */
export const PARTS_AT_ONCE = 8;
/** Where each look may hold two manifests. */
export const MANIFESTS_AT_ONCE = 4;
