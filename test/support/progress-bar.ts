import { createLogUpdate } from 'log-update';

/** How far a long run is: rewritten in place on a terminal, else a line now and then. */
export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: ReturnType<typeof createLogUpdate>;
  readonly #started = performance.now();
  #shown = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#live = createLogUpdate(stream);
  }

  show(done: number, total: number, note: string): void {
    const now = performance.now();
    const isTerminal = this.#stream.isTTY === true;
    if (done < total && now - this.#shown < (isTerminal ? EVERY_MILLISECONDS : SELDOM_MILLISECONDS)) return;
    this.#shown = now;
    const elapsed = (now - this.#started) / 1000;
    const left = done === 0 ? '' : `, ${clock((elapsed / done) * (total - done))} left`;
    const text = `${done} of ${total}, ${clock(elapsed)}${left}; ${note}`;
    if (isTerminal) this.#live(`${bar(done / Math.max(1, total))} ${text}`);
    else this.#stream.write(`${text}\n`);
  }

  /** A line that stays. */
  say(line: string): void {
    if (this.#stream.isTTY === true) this.#live.clear();
    this.#stream.write(`${line}\n`);
  }

  /** Leaves the last look where it stands. */
  end(): void {
    if (this.#stream.isTTY === true) this.#live.done();
  }
}

function bar(share: number): string {
  const filled = Math.round(share * WIDTH);
  return `[${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}]`;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

const WIDTH = 30;
const EVERY_MILLISECONDS = 100;
const SELDOM_MILLISECONDS = 10_000;
