import { OrderRefused } from '#core/errors.ts';
import type { Manifest } from '#core/manifest.ts';
import type { InventoryOrder } from '#core/order.ts';
import { RECEIPT_FORMAT, type Receipt } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { assertAwaited } from './assert-awaited.ts';
import { findFacts } from './facts.ts';
import type { Work } from './obey.ts';
import { listPreImages } from './pre-images.ts';
import { scan } from './scan.ts';
import { takeSnapshot } from './snapshot.ts';
import { storeManifest } from './store-manifest.ts';
import { TreeChanged } from './walk.ts';

/** Scans, uploads what the order asks for, and says so. Writes nothing below the root. */
export async function takeInventory(work: Work<InventoryOrder>): Promise<Signed<Receipt>> {
  const { context, order, startedAt } = work;
  const stock = await takeStock(order.full === true ? trustingNothing(work) : work);
  const { manifest, snapshot } = stock;
  const manifestBytes = await storeManifest(work, manifest);
  await context.state.rememberManifest(manifest.summary.manifest);
  return sign(
    {
      format: RECEIPT_FORMAT,
      order: order.order,
      sync: order.sync,
      server: order.server,
      step: 'inventory',
      outcome: 'DONE',
      startedAt: startedAt.toISOString(),
      finishedAt: context.now().toISOString(),
      summary: manifest.summary,
      ...(snapshot === undefined ? {} : { snapshot: snapshot.digest }),
      ...(order.full && { full: order.full }),
      bytesUploaded: manifestBytes + (snapshot?.bytesUploaded ?? 0),
      secondsUploading: work.meters.up.seconds,
      facts: await findFacts(context),
      preImages: listPreImages(context.root).map(({ sync }) => sync),
    },
    context.signer,
  );
}

/** Every file is read, and remembered as ever. */
function trustingNothing(work: Work<InventoryOrder>): Work<InventoryOrder> {
  return { ...work, context: { ...work.context, statIndex: work.context.statIndex.mistrusting(() => true) } };
}

interface TakenStock {
  readonly manifest: Manifest;
  readonly snapshot: Awaited<ReturnType<typeof takeSnapshot>> | undefined;
}

/** A file that changes between scan and upload makes both begin again, a few times. */
async function takeStock(work: Work<InventoryOrder>): Promise<TakenStock> {
  for (let attempt = 1; ; attempt++) {
    const manifest = await scanWithProgress(work);
    if (!work.order.snapshot) return { manifest, snapshot: undefined };
    try {
      return { manifest, snapshot: await upload(work, manifest) };
    } catch (error) {
      if (!(error instanceof TreeChanged)) throw error;
      if (attempt < ATTEMPTS) continue;
      throw new OrderRefused(
        'UNREADABLE',
        `${JSON.stringify(error.path)} in ${work.context.root} keeps changing while it is read: stop the program that writes it, then try again`,
        { cause: error },
      );
    }
  }
}

export function scanWithProgress({
  context,
  progress,
  signal,
}: Pick<Work, 'context' | 'progress' | 'signal'>): Promise<Manifest> {
  progress.enter('scanning');
  return scan({
    ...context,
    signal,
    onProgress: (done, total) =>
      progress.report({
        filesDone: done.files,
        bytesDone: done.bytes,
        filesTotal: total.files,
        bytesTotal: total.bytes,
      }),
  });
}

function upload({ context, order, progress, signal }: Work, manifest: Manifest): ReturnType<typeof takeSnapshot> {
  return takeSnapshot({
    ...context,
    manifest,
    signal,
    assertAwaited: () => assertAwaited(context, order, signal),
    onPlan: (total) => progress.enter('uploading', total),
    onProgress: (done) => progress.report({ filesDone: done.files, bytesDone: done.bytes }),
  });
}

const ATTEMPTS = 3;
