import { OrderRefused } from '#core/errors.ts';
import type { Manifest } from '#core/manifest.ts';
import type { InventoryOrder } from '#core/order.ts';
import { RECEIPT_FORMAT, type Receipt, toBrief } from '#core/receipt.ts';
import { type Signed, sign } from '#core/signed.ts';
import { assertAwaited } from './assert-awaited.ts';
import { findFacts } from './facts.ts';
import { together } from './in-parallel.ts';
import type { Work } from './obey.ts';
import { listPreImages } from './pre-images.ts';
import { type ReadLarge, scan } from './scan.ts';
import { SnapshotTaking } from './snapshot.ts';
import { storeManifest } from './store-manifest.ts';
import { TreeChanged } from './walk.ts';

/** Scans, uploads what the order asks for, and says so. Writes nothing below the root. */
export async function takeInventory(work: Work<InventoryOrder>): Promise<Signed<Receipt>> {
  const { context, order, startedAt } = work;
  const stock = await takeStock(order.full === true ? trustingNothing(work) : work);
  const { manifest, manifestBytes, snapshot } = stock;
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
      summary: toBrief(manifest.summary),
      ...(snapshot === undefined ? {} : { snapshot: snapshot.digest }),
      ...(snapshot !== undefined && context.profile.secrets !== undefined && { secrets: context.profile.secrets }),
      ...(order.full && { full: order.full }),
      ...uploaded(manifestBytes + (snapshot?.bytesUploaded ?? 0), work.meters.up.seconds),
      facts: await findFacts(context),
      ...keptPreImages(context.root),
    },
    context.signer,
  );
}

function uploaded(bytesUploaded: number, secondsUploading: number) {
  return bytesUploaded === 0 ? { bytesUploaded } : { bytesUploaded, secondsUploading };
}

/** Nothing is said of what there is none of: a sync of equal servers is to cost next to nothing. */
function keptPreImages(root: string) {
  const preImages = listPreImages(root).map(({ sync }) => sync);
  return preImages.length === 0 ? {} : { preImages };
}

/** Every file is read, and remembered as ever. */
function trustingNothing(work: Work<InventoryOrder>): Work<InventoryOrder> {
  return { ...work, context: { ...work.context, statIndex: work.context.statIndex.mistrusting(() => true) } };
}

interface TakenStock {
  readonly manifest: Manifest;
  /** Uploaded for it. */
  readonly manifestBytes: number;
  readonly snapshot: Awaited<ReturnType<SnapshotTaking['take']>> | undefined;
}

/** A file that changes between scan and upload makes both begin again, a few times. */
async function takeStock(work: Work<InventoryOrder>): Promise<TakenStock> {
  for (let attempt = 1; ; attempt++) {
    if (!work.order.snapshot) {
      const manifest = await scanWithProgress(work);
      return { manifest, manifestBytes: await storeManifest(work, manifest), snapshot: undefined };
    }
    const taking = beginSnapshot(work);
    const manifest = await scanWithProgress(work, (file, onBytes) => taking.readLarge(file, onBytes));
    try {
      // The receipt alone leads to either.
      const [snapshot, manifestBytes] = await together(taking.take(manifest), storeManifest(work, manifest));
      return { manifest, manifestBytes, snapshot };
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

export function scanWithProgress(
  { context, progress, signal }: Pick<Work, 'context' | 'progress' | 'signal'>,
  readLarge?: ReadLarge,
): Promise<Manifest> {
  progress.enter('scanning');
  return scan({
    ...context,
    readLarge,
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

function beginSnapshot({ context, order, progress, signal }: Work): SnapshotTaking {
  return new SnapshotTaking({
    ...context,
    signal,
    assertAwaited: () => assertAwaited(context, order, signal),
    onPlan: (total) => progress.enter('uploading', total),
    onProgress: (done) => progress.report({ filesDone: done.files, bytesDone: done.bytes }),
  });
}

const ATTEMPTS = 3;
