import { encodeDocument } from '#core/documents.ts';
import { StorePrecondition } from '#core/errors.ts';
import { keys } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Executions } from '#core/ports/workflow.ts';
import type { SyncId } from '#core/sync.ts';

/** Leaves a record that a controller on the same store finds; it removes the record when the execution has ended. */
export class StoreExecutions implements Executions {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async start(sync: SyncId): Promise<void> {
    try {
      await this.#store.create(keys.execution(sync), encodeDocument({ sync }));
    } catch (error) {
      if (!(error instanceof StorePrecondition)) throw error;
    }
  }
}
