import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { removeUnfinished, writeFileDurably } from '#adapters/durable-file.ts';
import { sha256Schema } from '#core/digest.ts';
import { encodeDocument, parseDocument } from '#core/documents.ts';
import { BadInput, InvalidDocument } from '#core/errors.ts';
import { type Order, orderIdSchema } from '#core/order.ts';
import { type Receipt, signedReceiptSchema } from '#core/receipt.ts';
import type { Signed } from '#core/signed.ts';

const stateSchema = z.strictObject({
  format: z.literal('lockstep-agent-state/1'),
  /** Of the last order that was answered, or that needs no answer. */
  lastSequence: z.int().nonnegative(),
  /** The order at work: one begun in time is not late after a restart. */
  begun: z.strictObject({ order: orderIdSchema, at: z.iso.datetime() }).optional(),
  /** Of the last scan. */
  manifest: sha256Schema.optional(),
  /** The newest order that was read, and how the store names that version of it. */
  newest: z
    .strictObject({
      sequence: z.int().positive(),
      etag: z.string().min(1).max(1024),
      issuedAt: z.iso.datetime().optional(),
    })
    .optional(),
});

const answerSchema = z.strictObject({ sequence: z.int().positive(), receipt: signedReceiptSchema });

type State = z.infer<typeof stateSchema>;

/** An answer that is decided, and has perhaps not reached the store. */
export interface Answer {
  readonly sequence: number;
  readonly receipt: Signed<Receipt>;
}

/**
 * What the agent must not forget, each change on disk before its promise resolves. An answer is written here
 * before it is sent and the sequence grows after it has arrived: a kill in between repeats the sending, not the order.
 */
export class AgentState {
  readonly #folder: string;
  #state: State;

  private constructor(folder: string, state: State) {
    this.#folder = folder;
    this.#state = state;
  }

  static async open(folder: string): Promise<AgentState> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeUnfinished(folder, (name) => !OTHERS_WRITE.has(name));
    const state = await readDocument(join(folder, STATE_FILE), stateSchema);
    return new AgentState(folder, state ?? { format: 'lockstep-agent-state/1', lastSequence: 0 });
  }

  get lastSequence(): number {
    return this.#state.lastSequence;
  }

  get manifest(): State['manifest'] {
    return this.#state.manifest;
  }

  /** The newest order that was read. */
  get newest(): State['newest'] {
    return this.#state.newest;
  }

  /** What needs no further look, also after a restart: every order up to it is done with. */
  get settledEtag(): string {
    const { lastSequence, newest } = this.#state;
    return newest !== undefined && newest.sequence <= lastSequence ? newest.etag : '';
  }

  /** On disk with the next change: until then a restart reads the order once more. */
  noteNewest(newest: NonNullable<State['newest']>): void {
    this.#state = { ...this.#state, newest };
  }

  /** When this order was begun: now, or before a restart. */
  beginningOf(order: Pick<Order, 'order'>, now: Date): Date {
    const { begun } = this.#state;
    return begun?.order === order.order ? new Date(begun.at) : now;
  }

  async begin(order: Pick<Order, 'order'>, at: Date): Promise<void> {
    if (this.#state.begun?.order === order.order) return;
    await this.#write({ ...this.#state, begun: { order: order.order, at: at.toISOString() } });
  }

  async rememberManifest(manifest: NonNullable<State['manifest']>): Promise<void> {
    await this.#write({ ...this.#state, manifest });
  }

  /** Orders up to this one are done with. */
  async advance(sequence: number): Promise<void> {
    if (sequence <= this.#state.lastSequence) return;
    const { begun: _, ...rest } = this.#state;
    await this.#write({ ...rest, lastSequence: sequence });
  }

  async keepAnswer(answer: Answer): Promise<void> {
    await writeFileDurably(join(this.#folder, ANSWER_FILE), encodeDocument(answer));
  }

  async keptAnswer(): Promise<Answer | undefined> {
    return readDocument(join(this.#folder, ANSWER_FILE), answerSchema);
  }

  async dropAnswer(): Promise<void> {
    await rm(join(this.#folder, ANSWER_FILE), { force: true });
  }

  async #write(state: State): Promise<void> {
    await writeFileDurably(join(this.#folder, STATE_FILE), encodeDocument(state));
    this.#state = state;
  }
}

async function readDocument<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return parseDocument(path, schema, await readFile(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(cause instanceof InvalidDocument)) throw cause;
    throw new BadInput(
      `${cause.message}; restore it from a backup, or enrol this server again with a new state folder`,
      { cause },
    );
  }
}

/** By commands, also while the agent runs. */
const OTHERS_WRITE: ReadonlySet<string> = new Set(['agent.json', 'agent-key.pem', 'bandwidth']);
const STATE_FILE = 'state.json';
const ANSWER_FILE = 'unsent-receipt.json';
