import { isWrite, type StoreCall, wrapStore } from '#adapters/wrap-store.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';

/** At which call a process is killed, from one: before it is made, or when a write has its effect but not its answer. */
export type Death = { readonly beforeCall: number } | { readonly afterWrite: number };

export interface MortalStore {
  readonly store: ObjectStore;
  readonly died: Promise<void>;
}

/** The store as a process sees it that is killed at one of its calls: that call, and all later ones, never return. */
export function mortalStore(store: ObjectStore, death: Death): MortalStore {
  const { promise: died, resolve: die } = Promise.withResolvers<void>();
  const dead = <T>(): Promise<T> => {
    die();
    return new Promise(() => undefined);
  };
  let calls = 0;
  let writes = 0;
  const until = async <T>(call: Pick<StoreCall, 'method'> | undefined, run: () => Promise<T>): Promise<T> => {
    calls++;
    if ('beforeCall' in death) return calls >= death.beforeCall ? dead() : run();
    if (writes >= death.afterWrite) return dead();
    if (call === undefined || !isWrite(call) || ++writes < death.afterWrite) return run();
    await run().catch(() => undefined);
    return dead();
  };
  const mortal: ObjectStore = {
    ...wrapStore(store, until),
    async *list(prefix, options) {
      yield* await until(undefined, async () => store.list(prefix, options));
    },
    async *listFolders(prefix, options) {
      yield* await until(undefined, async () => store.listFolders(prefix, options));
    },
  };
  return { store: mortal, died };
}
