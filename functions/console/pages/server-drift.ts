import { setImmediate as othersFirst } from 'node:timers/promises';
import { html } from 'hono/html';
import type { DriftedFile } from '#core/drift.ts';
import { InvalidDocument } from '#core/errors.ts';
import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';
import type { SyncId } from '#core/sync.ts';
import { count } from '../../count.ts';
import { driftFoundBy } from '../../verification/find-drift.ts';
import type { LastVerification } from '../../verification/find-last-verification.ts';
import type { OrdersOf } from '../../verification/issued-orders.ts';
import type { Html } from '../parts/layout.ts';
import { shownPath, takeWithin } from '../parts/paths.ts';
import { badge, bytes, moment, verdictBadge } from '../parts/words.ts';

export interface DriftShown {
  readonly server: ServerId;
  readonly last: LastVerification | undefined;
  /** `undefined` where the store names no key that orders are signed with. */
  readonly orders: OrdersOf | undefined;
  /** Also where that takes a while. */
  readonly showsAll: boolean;
}

/** What the last verification of a server has found, file by file. */
export async function driftSection(shown: DriftShown): Promise<Html> {
  const { last } = shown;
  if (last === undefined)
    return html`<h2 id="drift">Drift</h2><p class="empty">No verification is among its last orders. Verify this server to see whether
      its files are still what its last receipt says.</p>`;
  const { detail, reason, verdict, verification } = last.verdict;
  const compared =
    verification === undefined
      ? ''
      : html`; compared with what <a href="/syncs/${verification.sync}">sync ${verification.sync}</a> left or found on
        ${moment(verification.finishedAt)}: ${count(verification.files, 'file')}, ${bytes(verification.bytes)}`;
  return html`<h2 id="drift">Drift</h2>
    <p>${verdictBadge(verdict)} at <a href="/syncs/${last.sync}">${moment(last.finishedAt)}</a>${compared}.</p>
    ${verdict === 'VERIFIED' || detail === undefined ? '' : html`<p>${reason ?? ''} ${printable(detail)}</p>`}
    ${verification?.drift !== undefined ? await driftedFiles(shown, last.sync, verification.files) : ''}`;
}

async function driftedFiles({ orders, server, showsAll }: DriftShown, sync: SyncId, files: number): Promise<Html> {
  if (orders === undefined) return html``;
  if (files > FILES_AT_ONCE && !showsAll)
    return html`<p><a href="/servers/${server}?show=drift#drift">Show the files</a>: that reads the list of all
      ${count(files, 'file')} twice, and takes a while.</p>`;
  try {
    const { drifted, total } = await collect(driftFoundBy(orders, sync));
    const rows = await takeWithin(drifted.map(fileRow), MOST_MARKUP);
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Files that drifted"><table>
        <caption>Files that drifted</caption>
        <thead><tr><th scope="col">What happened</th><th scope="col">Class</th><th scope="col">Path</th><th scope="col">Size</th></tr></thead>
        <tbody>${rows}</tbody></table></div>
      ${total > rows.length ? html`<p class="notice">and ${count(total - rows.length, 'more file')}; <code>lockstep verify --json</code> names them all</p>` : ''}`;
  } catch (error) {
    if (!(error instanceof InvalidDocument)) throw error;
    return html`<p class="notice">Which files differ cannot be told any more: ${printable(error.message)}</p>`;
  }
}

/** To the end: only there it is known that the lists are those that were signed. */
async function collect(files: AsyncIterable<DriftedFile>) {
  const drifted: DriftedFile[] = [];
  let total = 0;
  for await (const file of files) {
    if (++total <= MOST_FILES) drifted.push(file);
    if (total % MOST_FILES === 0) await othersFirst();
  }
  return { drifted, total };
}

function fileRow({ change, class: name, isProtected, path, size }: DriftedFile): Html {
  return html`<tr><td>${badge(change === 'missing' ? 'bad' : 'warning', CAUSES[change])}${isProtected ? ' (a protected file)' : ''}</td>
    <td>${printable(name)}</td><td><code>${shownPath(path)}</code></td><td>${bytes(size)}</td></tr>`;
}

const CAUSES: Readonly<Record<DriftedFile['change'], string>> = {
  changed: 'edited since, not by a sync',
  missing: 'removed since, not by a sync',
  added: 'added since, not by a sync',
};
const FILES_AT_ONCE = 50_000;
const MOST_FILES = 300;
const MOST_MARKUP = 60_000;
