import { html } from 'hono/html';
import { stream } from 'hono/streaming';
import { MAX_SIGNED_BYTES } from '#core/documents.ts';
import { keys, type OrderId, parseSignalKey } from '#core/keys.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncRequest } from '#core/sync.ts';
import type { DestinationVerdict, SyncVerdict } from '#core/verdict.ts';
import { count } from '../../count.ts';
import type { ConsoleContext } from '../console-parts.ts';
import type { Html } from '../parts/layout.ts';

/** Where the page of a server hands it out; `undefined` where nothing was signed. */
export function receiptPath({ receipt, server }: DestinationVerdict): string | undefined {
  const signal = receipt === null ? undefined : parseSignalKey(receipt);
  return signal?.kind === 'receipt' ? `/servers/${server}/receipts/${signal.order}` : undefined;
}

/** What proves the result, and how to check it without this console. */
export function receiptsSection(
  { policy, rollbackOf, source, sync }: SyncRequest,
  { destinations }: SyncVerdict,
): Html | string {
  const signed = destinations.filter((one) => receiptPath(one) !== undefined);
  const [first] = signed;
  if (first === undefined) return '';
  const canRollBack =
    policy.verify !== true && rollbackOf === undefined && signed.some(({ verdict }) => verdict === 'SUCCEEDED');
  return html`<section aria-labelledby="receipts"><h2 id="receipts">Receipts</h2>
    <p><a class="button" href="/syncs/${sync}/receipts.ndjson" download>Download ${
      signed.length === 1 ? 'the receipt' : `all ${count(signed.length, 'receipt')}`
    }</a>
      <small>One line each, byte for byte as its agent signed it.</small></p>
    <p class="hint">A signature is checked against the key with which the server was enrolled:
      <code>lockstep history ${first.server}</code> does so for its whole chain. <code>lockstep verify ${first.server}</code> has
      every file read again and compared with the receipt.</p>
    ${
      canRollBack
        ? html`<p class="hint">There is a way back, also without ${source}: <code>lockstep rollback ${sync}</code> puts back what was
      replaced or removed; it is planned, approved and proved like a sync.</p>`
        : ''
    }</section>`;
}

/** As they are in the store, one line each; what could not have been signed by an agent is left out. */
export function sendReceipts(
  context: ConsoleContext,
  store: ObjectStore,
  { destinations, sync }: SyncVerdict,
): Response {
  context.header('Content-Type', 'application/x-ndjson');
  context.header('Content-Disposition', `attachment; filename="receipts-${sync}.ndjson"`);
  return stream(context, async (out) => {
    for (const one of destinations) {
      if (out.aborted) return;
      const order = receiptPath(one)?.split('/').at(-1) as OrderId | undefined;
      const body = order && (await readReceipt(store, one.server, order));
      if (body !== undefined) await out.write(Buffer.concat([body, LINE_FEED]));
    }
  });
}

async function readReceipt(store: ObjectStore, server: ServerId, order: OrderId): Promise<Uint8Array | undefined> {
  const key = keys.receipt(server, order);
  const { size } = (await store.head(key)) ?? { size: Number.POSITIVE_INFINITY };
  const stored = size > MAX_SIGNED_BYTES ? undefined : await store.get(key);
  // In the canonical form there is no line feed.
  return stored === undefined || stored.body.includes(LINE_FEED[0] ?? 0) ? undefined : stored.body;
}

const LINE_FEED = Buffer.from('\n');
