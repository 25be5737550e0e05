import { MemoryStore } from '#adapters/memory-store.ts';

/** Lets somebody else act between a voter's count and the decision that he makes of it. */
export class StoreWithRival extends MemoryStore {
  rival: (() => Promise<unknown>) | undefined;

  override async create(key: string, body: Uint8Array): Promise<{ readonly etag: string }> {
    const { rival } = this;
    if (key.endsWith('/decision.json') && rival !== undefined) {
      this.rival = undefined;
      await rival();
    }
    return super.create(key, body);
  }
}
