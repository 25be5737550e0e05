/** How far a run of the bench is, by what its cases are said to take beside each other. */
export class Progress {
  readonly #total: number;
  readonly #now: () => number;
  readonly #started: number;
  #done = 0;

  /** Of all cases that are to be measured; `now` in milliseconds. */
  constructor(efforts: readonly number[], now: () => number = () => performance.now()) {
    this.#total = efforts.reduce((sum, effort) => sum + effort, 0);
    this.#now = now;
    this.#started = now();
  }

  advance(effort: number): void {
    this.#done += effort;
  }

  /** Such as `4:10, about 12 min left`. */
  describe(): string {
    const elapsed = (this.#now() - this.#started) / 1000;
    const clock = `${Math.floor(elapsed / 60)}:${String(Math.floor(elapsed % 60)).padStart(2, '0')}`;
    if (this.#done === 0) return clock;
    const left = (elapsed / this.#done) * Math.max(0, this.#total - this.#done);
    return `${clock}, about ${Math.ceil(left / 60)} min left`;
  }
}
