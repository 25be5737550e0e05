import { Worker } from 'node:worker_threads';
import type { Hasher, Sha256 } from '#core/digest.ts';

/**
 * SHA-256 of many bytes, counted by a thread while its owner goes on. They are copied into slots of shared memory, in a
 * ring, so that nothing has to be posted or awaited; only `digest` waits. To be disposed of.
 */
export class HashThread {
  readonly #worker: Worker;
  readonly #state = new Int32Array(new SharedArrayBuffer(STATE_BYTES));
  readonly #ring = Buffer.from(new SharedArrayBuffer(SLOTS * SLOT_BYTES));
  #hashers = 0;
  /** The number of the slot at hand, and how many bytes of it are in use. */
  #slot = 0;
  #used = 0;

  constructor() {
    const shared: Shared = { ...LAYOUT, state: this.#state, ring: this.#ring };
    // The function's own text: wherever this is bundled into, the thread comes with it.
    this.#worker = new Worker(`(${hashSlots})()`, {
      eval: true,
      execArgv: [],
      workerData: shared,
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
    // Its owner, who waits for it, cannot hear of it now, and says that there is no answer.
    this.#worker.on('error', () => undefined);
    this.#worker.unref();
  }

  createHash(): Hasher {
    const hasher = this.#hashers++;
    return {
      update: (data) => this.#update(hasher, typeof data === 'string' ? Buffer.from(data) : bufferOf(data)),
      copy: () => {
        this.#order(COPY, hasher, this.#hashers);
        return this.createHash();
      },
      digest: () => this.#digest(hasher),
    };
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }

  #update(hasher: number, bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const length = Math.min(bytes.length - from, this.#makeRoom());
      this.#order(UPDATE, hasher, length);
      // Four times as quick as `set`, which copies into shared memory word by word.
      this.#used += bytes.copy(this.#ring, this.#place, from, from + length);
      from += length;
    }
  }

  #digest(hasher: number): Sha256 {
    this.#order(DIGEST, hasher, 0);
    this.#handOver();
    this.#waitUntilDone(this.#slot);
    return Buffer.from(this.#state.buffer).toString('hex', DIGEST_AT) as Sha256;
  }

  #order(kind: number, hasher: number, value: number): void {
    this.#makeRoom();
    const place = this.#place;
    this.#ring.writeUInt32LE(kind, place);
    this.#ring.writeUInt32LE(hasher, place + 4);
    this.#ring.writeUInt32LE(value, place + 8);
    this.#used += ORDER_BYTES;
  }

  get #place(): number {
    return (this.#slot % SLOTS) * SLOT_BYTES + this.#used;
  }

  /** For an order, and bytes behind it; says for how many. */
  #makeRoom(): number {
    if (this.#used > SLOT_BYTES - LEAST_ROOM) this.#handOver();
    // What was there before has to be hashed.
    if (this.#used === 0) this.#waitUntilDone(this.#slot - SLOTS + 1);
    return SLOT_BYTES - this.#used - 2 * ORDER_BYTES;
  }

  #handOver(): void {
    this.#ring.writeUInt32LE(END, this.#place);
    this.#used = 0;
    this.#slot++;
    Atomics.store(this.#state, GIVEN, this.#slot);
    Atomics.notify(this.#state, GIVEN);
  }

  #waitUntilDone(slots: number): void {
    for (let done = Atomics.load(this.#state, DONE); done < slots; done = Atomics.load(this.#state, DONE)) {
      if (Atomics.wait(this.#state, DONE, done, PATIENCE_MILLISECONDS) === 'timed-out')
        throw new Error(`a hash thread has not answered for ${PATIENCE_MILLISECONDS / 1000} seconds`);
    }
  }
}

function bufferOf({ buffer, byteLength, byteOffset }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** All of the thread. Nothing outside of it is there. */
function hashSlots(): void {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const { workerData } = process.getBuiltinModule('node:worker_threads');
  const { COPY, DIGEST, DIGEST_AT, DONE, END, GIVEN, ORDER_BYTES, SLOTS, SLOT_BYTES, ...shared } = workerData as Shared;
  const { state } = shared;
  const [ring, result] = [Buffer.from(shared.ring.buffer), Buffer.from(state.buffer) as Buffer];
  const hashers = new Map<number, Hasher>();
  const hasherOf = (number: number): Hasher => {
    const hasher = hashers.get(number) ?? createHash('sha256');
    hashers.set(number, hasher);
    return hasher;
  };
  for (let slot = 0; ; slot++) {
    while (Atomics.load(state, GIVEN) === slot) Atomics.wait(state, GIVEN, slot);
    for (let at = (slot % SLOTS) * SLOT_BYTES; ring.readUInt32LE(at) !== END; ) {
      const [kind, number, value] = [ring.readUInt32LE(at), ring.readUInt32LE(at + 4), ring.readUInt32LE(at + 8)];
      at += ORDER_BYTES;
      if (kind === COPY) hashers.set(value, hasherOf(number).copy());
      else if (kind === DIGEST) result.write(hasherOf(number).digest('hex'), DIGEST_AT, 'hex');
      else {
        hasherOf(number).update(ring.subarray(at, at + value));
        at += value;
      }
    }
    Atomics.store(state, DONE, slot + 1);
    Atomics.notify(state, DONE);
  }
}

/** What both sides have to agree on. */
const LAYOUT = {
  /** Numbers of `state`: slots that were handed over, and slots that are done. Behind them, bytes of a digest. */
  GIVEN: 0,
  DONE: 1,
  DIGEST_AT: 8,
  SLOTS: 4,
  SLOT_BYTES: 256 * 1024,
  /** Three numbers: what is to be done, for which hasher, and the bytes that follow or the number of the copy. */
  ORDER_BYTES: 12,
  END: 0,
  UPDATE: 1,
  COPY: 2,
  DIGEST: 3,
} as const;

type Shared = typeof LAYOUT & { readonly state: Int32Array; readonly ring: Uint8Array };

const { COPY, DIGEST, DIGEST_AT, DONE, END, GIVEN, ORDER_BYTES, SLOTS, SLOT_BYTES, UPDATE } = LAYOUT;
const STATE_BYTES = DIGEST_AT + 32;
const LEAST_ROOM = 1024;
/** It has a megabyte to hash at most. */
const PATIENCE_MILLISECONDS = 60_000;
