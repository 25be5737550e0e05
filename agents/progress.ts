import { encodeDocument } from '#core/documents.ts';
import { keys, parseOrderId } from '#core/keys.ts';
import type { Order } from '#core/order.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { Signer } from '#core/ports/signer.ts';
import { PROGRESS_FORMAT, type Progress } from '#core/receipt.ts';
import { sign } from '#core/signed.ts';
import type { AgentLog } from './agent.ts';

export type Stage = Progress['stage'];
export type Amounts = Pick<Progress, 'filesDone' | 'filesTotal' | 'bytesDone' | 'bytesTotal'>;

export interface ProgressRequest {
  readonly store: ObjectStore;
  readonly signer: Signer;
  readonly order: Order;
  readonly now: () => Date;
  readonly log: AgentLog;
  readonly everyMilliseconds: number;
}

/**
 * The heartbeat of an order, written by the clock, whether or not there is news. An apply says at once that it has
 * begun, for silence behind that is another matter than silence; an inventory only when it is not soon over.
 */
export class ProgressReporter {
  readonly #request: ProgressRequest;
  #timer: NodeJS.Timeout | undefined;
  #stage: Stage = 'scanning';
  #amounts: Amounts = NOTHING;
  #writing: Promise<void> | undefined;

  constructor(request: ProgressRequest) {
    this.#request = request;
    if (request.order.step === 'apply') this.#beat();
    else this.#beatIn(request.everyMilliseconds / 2);
  }

  enter(stage: Stage, totals: { readonly files: number; readonly bytes: number } = { files: 0, bytes: 0 }): void {
    this.#stage = stage;
    this.#amounts = { ...NOTHING, filesTotal: totals.files, bytesTotal: totals.bytes };
  }

  report(amounts: Partial<Amounts>): void {
    this.#amounts = { ...this.#amounts, ...amounts };
  }

  add(done: { readonly files?: number; readonly bytes?: number }): void {
    const { bytesDone, filesDone } = this.#amounts;
    this.report({ bytesDone: bytesDone + (done.bytes ?? 0), filesDone: filesDone + (done.files ?? 0) });
  }

  /** After this nothing is written any more. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
  }

  #beatIn(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#beat(), milliseconds);
  }

  #beat(): void {
    this.#beatIn(this.#request.everyMilliseconds);
    // A slow store gets fewer beats, not a queue of them.
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    const { log, now, order, signer, store } = this.#request;
    const payload = {
      format: PROGRESS_FORMAT,
      order: order.order,
      server: order.server,
      at: now().toISOString(),
      stage: this.#stage,
      ...this.#amounts,
    } as const;
    try {
      await store.put(
        keys.progress(order.server, parseOrderId(order.order)),
        encodeDocument(await sign(payload, signer)),
      );
    } catch (error) {
      log('progress-not-written', { order: order.order, problem: (error as Error).message });
    }
  }
}

const NOTHING: Amounts = { filesDone: 0, filesTotal: 0, bytesDone: 0, bytesTotal: 0 };
