import { setImmediate as othersFirst } from 'node:timers/promises';
import { html } from 'hono/html';
import { InvalidDocument } from '#core/errors.ts';
import { entriesOf } from '#core/manifest-lines.ts';
import type { ObjectStore } from '#core/ports/object-store.ts';
import { printable } from '#core/printable.ts';
import { type InventoryReceipt, summaryIn } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { count } from '../../count.ts';
import { loadManifest } from '../../plan/stock.ts';
import type { ChainLink } from '../../verification/read-chain.ts';
import type { Html } from '../parts/layout.ts';
import { table } from '../parts/table.ts';
import { bytes, moment } from '../parts/words.ts';

export interface LastInventory {
  readonly receipt: InventoryReceipt;
  /** Whether it was written since. */
  readonly isOld: boolean;
}

/** The newest inventory that the server has signed, of these orders. */
export function findLastInventory(links: readonly ChainLink[]): LastInventory | undefined {
  const receipts = links.map(({ receipt }) => receipt);
  const at = receipts.findLastIndex((receipt) => receipt?.outcome === 'DONE');
  const receipt = receipts[at];
  if (receipt?.outcome !== 'DONE') return undefined;
  return { receipt, isOld: receipts.slice(at + 1).some((later) => later?.step === 'apply') };
}

export interface ContentsShown {
  readonly store: ObjectStore;
  readonly server: ServerId;
  readonly found: LastInventory | undefined;
  /** Also where that takes a while. */
  readonly showsAll: boolean;
}

/** What the server said that it holds, by class. */
export async function contentsSection({ found, server, showsAll, store }: ContentsShown): Promise<Html> {
  const title = html`<h2 id="contents">Contents</h2>`;
  if (found === undefined)
    return html`${title}<p class="empty">This server has not taken stock in its last orders: synchronize or verify it, and what it
      holds is listed here.</p>`;
  const { finishedAt } = found.receipt;
  const summary = summaryIn(found.receipt);
  const said = html`${title}<p>At ${moment(finishedAt)}: ${count(summary.artifacts, 'file')} that travel,
    ${bytes(summary.bytes)}; ${count(summary.protected, 'license or identity file')},
    ${count(summary.unrecognised, 'file')} that no rule of the profile matches.${found.isOld ? ' A sync since then may have changed that.' : ''}</p>`;
  const entries = summary.artifacts + summary.protected + summary.unrecognised;
  if (entries > ENTRIES_AT_ONCE && !showsAll)
    return html`${said}<p><a href="/servers/${server}?show=contents#contents">Count them by class</a>: that reads the list of all
      ${count(entries, 'file')}, and takes a while.</p>`;
  try {
    return html`${said}${classTable(await countByClass(store, server, summary.manifest))}`;
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return html`${said}<p class="notice">They cannot be counted by class: ${printable(error.message)}</p>`;
  }
}

interface ClassCount {
  readonly files: number;
  readonly bytes: number;
}

async function countByClass(store: ObjectStore, server: ServerId, digest: InventoryReceipt['summary']['manifest']) {
  const counts = new Map<string, ClassCount>();
  let seen = 0;
  for (const entry of entriesOf(await loadManifest(store, server, digest))) {
    if (++seen % ENTRIES_IN_A_TURN === 0) await othersFirst();
    if (entry.kind !== 'artifact' && entry.kind !== 'protected') continue;
    const { bytes: size, files } = counts.get(entry.class) ?? { files: 0, bytes: 0 };
    counts.set(entry.class, { files: files + 1, bytes: size + entry.size });
  }
  return counts;
}

function classTable(counts: ReadonlyMap<string, ClassCount>): Html {
  return table({
    caption: 'Files by class',
    columns: ['Class', 'Files', 'Bytes'],
    rows: [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [printable(name), one.files.toLocaleString('en'), bytes(one.bytes)]),
    empty: 'It holds no file that the profile sorts into a class.',
  });
}

const ENTRIES_AT_ONCE = 50_000;
const ENTRIES_IN_A_TURN = 2000;
