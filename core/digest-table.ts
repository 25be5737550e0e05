import { randomFillSync } from 'node:crypto';
import type { Sha256 } from './digest.ts';

/** Digests, each once, numbered as they come: about 45 bytes each, where strings in a Map take three times as much. */
export class DigestTable {
  #rows = rowsIn(new ArrayBuffer(SMALLEST * DIGEST_BYTES));
  /** One more than the number of the digest that has its place there; 0 for none. */
  #slots = new Uint32Array(2 * SMALLEST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number of this digest: the next one if it is new. */
  add(sha256: Sha256): number {
    const slot = this.#slotOf(sha256);
    const known = this.#slots[slot] ?? 0;
    if (known > 0) return known - 1;
    this.#slots[slot] = ++this.#size;
    if (this.#size * DIGEST_BYTES === this.#rows.bytes.length) this.#grow();
    return this.#size - 1;
  }

  find(sha256: Sha256): number | undefined {
    const known = this.#slots[this.#slotOf(sha256)] ?? 0;
    return known === 0 ? undefined : known - 1;
  }

  at(number: number): Sha256 {
    return this.#rows.bytes.toString('hex', number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES) as Sha256;
  }

  /** Writes it into the row behind the last one: there it stays if it is new. */
  #slotOf(sha256: Sha256): number {
    this.#rows.bytes.write(sha256, this.#size * DIGEST_BYTES, DIGEST_BYTES, 'hex');
    let slot = this.#firstSlot(this.#size);
    for (let known = this.#slots[slot] ?? 0; known > 0; known = this.#slots[slot] ?? 0) {
      if (this.#isSame(known - 1, this.#size)) break;
      slot = (slot + 1) % this.#slots.length;
    }
    return slot;
  }

  #isSame(one: number, other: number): boolean {
    const { words } = this.#rows;
    for (let word = 0; word < WORDS; word++) {
      if (words[one * WORDS + word] !== words[other * WORDS + word]) return false;
    }
    return true;
  }

  /** Whoever wrote the digests may have made them up so that they meet in one place: the factors are nobody's to know. */
  #firstSlot(row: number): number {
    const { words } = this.#rows;
    let sum = 0;
    for (let word = 0; word < WORDS; word++) {
      sum = (sum + Math.imul(words[row * WORDS + word] ?? 0, FACTORS[word] ?? 0)) | 0;
    }
    return sum >>> Math.clz32(this.#slots.length - 1);
  }

  #grow(): void {
    this.#rows = rowsIn(this.#rows.memory.transfer(2 * this.#rows.memory.byteLength));
    this.#slots = new Uint32Array(2 * this.#slots.length);
    for (let number = 0; number < this.#size; number++) {
      let slot = this.#firstSlot(number);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length;
      this.#slots[slot] = number + 1;
    }
  }
}

interface Rows {
  readonly memory: ArrayBuffer;
  readonly bytes: Buffer;
  readonly words: Uint32Array;
}

function rowsIn(memory: ArrayBuffer): Rows {
  return { memory, bytes: Buffer.from(memory), words: new Uint32Array(memory) };
}

const DIGEST_BYTES = 32;
const WORDS = DIGEST_BYTES / Uint32Array.BYTES_PER_ELEMENT;
/** Rows at first; a power of two, as all sizes after it are. */
const SMALLEST = 64;
/** Odd, for an even one would forget a bit. */
const FACTORS = randomFillSync(new Uint32Array(WORDS)).map((factor) => factor | 1);
