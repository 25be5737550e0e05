import { setTimeout as sleep } from 'node:timers/promises';

export interface Shape {
  readonly bytesPerSecond: number;
  /** From one end to the other. */
  readonly delayMilliseconds: number;
}

/** One direction of a line: what enters waits for its turn, takes its time by size, and arrives after the delay. */
export class Lane {
  readonly #shape: Shape;
  readonly #now: () => number;
  #freeAt = 0;

  constructor(shape: Shape, now: () => number = () => performance.now()) {
    this.#shape = shape;
    this.#now = now;
  }

  /** Milliseconds until the last of these bytes has arrived at the other end. */
  enter(bytes: number): number {
    const now = this.#now();
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / this.#shape.bytesPerSecond) * 1000;
    return this.#freeAt + this.#shape.delayMilliseconds - now;
  }

  /** Milliseconds until what has entered has left this end. */
  get backlog(): number {
    return Math.max(0, this.#freeAt - this.#now());
  }

  async pass(bytes: number, signal?: AbortSignal): Promise<void> {
    await sleep(this.enter(bytes), undefined, signal === undefined ? {} : { signal });
  }
}

/** A line between a server and whatever it talks to; both directions at full speed at the same time. */
export interface Line {
  readonly up: Lane;
  readonly down: Lane;
}

export function openLine(shape: Shape): Line {
  return { up: new Lane(shape), down: new Lane(shape) };
}
