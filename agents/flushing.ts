import { open } from 'node:fs/promises';

/**
 * Files that are on their way to the disk while other work goes on. What the disk says must be heard here: it says so once,
 * and whoever syncs the file later hears nothing of it.
 */
export class Flushing {
  readonly #running: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  add(path: string): void {
    const flushed = flush(path).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#running.push(flushed);
  }

  /** Resolves when none is on its way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  assertWell(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

async function flush(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.datasync();
}
