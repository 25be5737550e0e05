const WIDTH = 30;
const BETWEEN_LINES_MILLISECONDS = 10_000;

/** A bar in place on a terminal, else a line now and then. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream;
  readonly #what: string;
  #shownAt = 0;

  constructor(stream: NodeJS.WriteStream, what: string) {
    this.#stream = stream;
    this.#what = what;
  }

  show(done: number, all: number): void {
    const pause = this.#stream.isTTY ? 100 : BETWEEN_LINES_MILLISECONDS;
    const now = performance.now();
    if (done < all && now - this.#shownAt < pause) return;
    this.#shownAt = now;
    const filled = Math.round((WIDTH * done) / all);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`;
    const text = `simulate: ${this.#what} [${bar}] ${done} of ${all} orders answered`;
    this.#stream.write(this.#stream.isTTY ? `\r${text}` : `${text}\n`);
  }

  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n');
  }
}
