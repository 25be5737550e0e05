import { StoreConflict, StorePrecondition } from '#core/errors.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/** Adds one to the number in the object, by compare-and-swap. */
export async function incrementOnce(store: ObjectStore, key: string): Promise<void> {
  for (;;) {
    const current = await store.get(key);
    if (current === undefined) throw new Error(`${key} is gone`);
    const next = Number(new TextDecoder().decode(current.body)) + 1;
    try {
      await store.replace(key, new TextEncoder().encode(String(next)), current.etag);
      return;
    } catch (error) {
      if (!isLostRace(error)) throw error;
    }
  }
}

export function isLostRace(error: unknown): boolean {
  return error instanceof StorePrecondition || error instanceof StoreConflict;
}

export function isUniform(body: Uint8Array): boolean {
  return body.every((byte) => byte === body[0]);
}
