/** A sleep of one sleeper that a ring cuts short. A ring that nobody hears is kept for the next sleep. */
export class Doorbell {
  #wake: (() => void) | undefined;
  #isRung = false;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves at a ring, when the time has passed, or when the signal aborts. */
  async sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, milliseconds);
      const stop = () => resolve();
      signal.addEventListener('abort', stop);
      this.#wake = stop;
      await promise;
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    }
    this.#isRung = false;
  }
}
