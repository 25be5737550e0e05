import { createCipheriv, createHash } from 'node:crypto';

/** An endless stream of bytes that no compressor shortens, the same for the same label: an AES-256-CTR key stream. */
export class Noise {
  readonly #cipher: ReturnType<typeof createCipheriv>;

  constructor(label: string) {
    this.#cipher = createCipheriv('aes-256-ctr', seedOf(label), Buffer.alloc(16));
  }

  fill(target: Buffer): void {
    for (let done = 0; done < target.length; done += ZEROS.length) {
      this.#cipher.update(ZEROS.subarray(0, Math.min(ZEROS.length, target.length - done))).copy(target, done);
    }
  }

  take(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    this.fill(bytes);
    return bytes;
  }
}

/** Decisions, the same for the same label. The generator is sfc32 (PractRand), 32-bit integers only. */
export class Dice {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(label: string) {
    const seed = seedOf(label);
    this.#a = seed.readInt32LE(0);
    this.#b = seed.readInt32LE(4);
    this.#c = seed.readInt32LE(8);
    for (let round = 0; round < WARM_UP; round++) this.roll();
  }

  /** An unsigned integer of 32 bits. */
  roll(): number {
    const rolled = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c * 9) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + rolled) | 0;
    return rolled >>> 0;
  }

  /** Both ends included. */
  between(low: number, high: number): number {
    return low + (this.roll() % (high - low + 1));
  }

  /** Of a list that is not empty. */
  oneOf<T>(list: readonly T[]): T {
    return list[this.roll() % list.length] as T;
  }

  /** `count` different integers below `limit`, ascending. */
  distinct(count: number, limit: number): number[] {
    const chosen = new Set<number>();
    while (chosen.size < count) chosen.add(this.roll() % limit);
    return [...chosen].sort((a, b) => a - b);
  }
}

function seedOf(label: string): Buffer {
  return createHash('sha256').update(`fleet-workload/1\0${label}`).digest();
}

const ZEROS = Buffer.alloc(4 * 1024 * 1024);
const WARM_UP = 12;
