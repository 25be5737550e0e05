import * as z from 'zod';
import { encodeDocument, parseValue } from '#core/documents.ts';
import { keys, orderId } from '#core/keys.ts';
import { serverIdSchema } from '#core/server.ts';
import { type SyncId, stockTakers, syncIdSchema, type Timeouts } from '#core/sync.ts';
import { assertNoSweep } from '../await-sweep.ts';
import type { Dependencies } from '../dependencies.ts';
import { issueOrder } from '../issue-order.ts';
import { signal } from '../signal/signal.ts';
import { loadRequest } from '../sync-documents.ts';
import { parkBeatingToken } from '../waiting.ts';

const eventSchema = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('prepare'), sync: syncIdSchema }),
  z.strictObject({ step: z.literal('take'), sync: syncIdSchema, server: serverIdSchema, token: z.string() }),
]);

type TakeEvent = Extract<z.infer<typeof eventSchema>, { readonly step: 'take' }>;

type InventoryDependencies = Pick<Dependencies, 'store' | 'signer' | 'tokens' | 'now' | 'log'>;

/** Before the Map over the servers: who has to take stock. Inside: orders one of them to. */
export async function inventory(dependencies: InventoryDependencies, event: unknown): Promise<Prepared | undefined> {
  const parsed = parseValue('inventory event', eventSchema, event);
  switch (parsed.step) {
    case 'prepare':
      return prepareSync(dependencies, parsed.sync);
    case 'take':
      await takeInventory(dependencies, parsed);
      return undefined;
  }
}

/** What the workflow carries from here on. */
export interface Prepared {
  readonly sync: SyncId;
  /** Key of a JSON array of `{ server }`: who has to take stock. */
  readonly inventoryItems: string;
  readonly timeouts: Timeouts;
}

/** Reads the request and lists the servers to ask. */
async function prepareSync({ store }: InventoryDependencies, sync: SyncId): Promise<Prepared> {
  const request = await loadRequest(store, sync);
  const inventoryItems = keys.inventoryItems(sync);
  const items = stockTakers(request).map((server) => ({ server }));
  await store.put(inventoryItems, encodeDocument(items));
  return { sync, inventoryItems, timeouts: request.timeouts };
}

/** Orders a server to take stock; the source uploads what the store lacks, too. The token waits for its receipt. */
async function takeInventory(dependencies: InventoryDependencies, { sync, server, token }: TakeEvent): Promise<void> {
  const { store } = dependencies;
  const request = await loadRequest(store, sync);
  const order = orderId(sync, 'inventory', server);
  await parkBeatingToken(store, order, { token, silenceSeconds: request.timeouts.offlineSeconds });
  const { verify } = request.policy;
  const snapshot = server === request.source && verify !== true;
  if (snapshot) await assertNoSweep(dependencies, sync);
  const draft = { step: 'inventory', sync, server, snapshot, ...(verify && { full: verify }) } as const;
  await issueOrder(dependencies, draft, request.timeouts.offlineSeconds);
  // An earlier attempt may have been answered already: no event comes for that any more.
  await signal(dependencies, keys.receipt(server, order));
}
