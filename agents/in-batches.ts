export interface BatchLimits<T> {
  readonly bytes: number;
  readonly items: number;
  readonly sizeOf: (item: T) => number;
}

/** In order. The item that reaches a limit is the last of its batch: small ones go in company, a large one ends it. */
export function* inBatches<T>(items: Iterable<T>, limits: BatchLimits<T>): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    batch.push(item);
    bytes += limits.sizeOf(item);
    if (bytes < limits.bytes && batch.length < limits.items) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
