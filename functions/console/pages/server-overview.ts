import { html } from 'hono/html';
import { duration } from '#core/duration.ts';
import { shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { ServerId } from '#core/server.ts';
import { count } from '../../count.ts';
import type { ServerOverview } from '../../observe/look-at-servers.ts';
import { answersWell, changedBy, describeBeforeIt, stepOf } from '../../verification/describe-link.ts';
import type { ChainLink } from '../../verification/read-chain.ts';
import type { Html } from '../parts/layout.ts';
import { type Cell, table } from '../parts/table.ts';
import { badge, bytes, moment } from '../parts/words.ts';

export function overviewSection({ offline, status, trouble }: ServerOverview, now: Date): Html {
  if (status === undefined && trouble === undefined)
    return html`<p class="empty">Nothing was heard of this server yet: install its agent, enrol it with
      <code>lockstep-agent enroll</code>, and start it.</p>`;
  return html`<dl class="facts">
      <dt>Agent</dt><dd>${offline ? badge('bad', 'offline') : badge('good', 'online')}${
        trouble === undefined
          ? ''
          : html` ${badge('bad', trouble.kind === 'stale-view' ? 'stale view' : 'bad status')} ${printable(trouble.detail)}`
      }</dd>
      ${
        status === undefined
          ? ''
          : html`<dt>Last seen</dt><dd>${moment(status.seenAt)} (${duration(Math.max(0, now.getTime() - Date.parse(status.seenAt)))} ago)</dd>
      <dt>Version of the agent</dt><dd>${printable(status.agent)}</dd>`
      }
    </dl>`;
}

/** The newest first. */
export function chainSection(server: ServerId, links: readonly ChainLink[], more: number | undefined): Html {
  const all =
    more !== undefined && links.length > 0
      ? html`<p><a href="/servers/${server}?orders=${more}">Older ones, too</a></p>`
      : '';
  return html`<h2>Receipts</h2>${table({
    caption: 'Orders and their signed answers, the newest first',
    columns: [
      'Order',
      'Finished',
      'Sync',
      'Step',
      'Outcome',
      'Before it',
      'Changed',
      'Signature',
      'Approved by',
      'Receipt',
    ],
    rows: links.toReversed().map((link) => linkRow(server, link)),
    empty: html`No order was given to this server yet. <a href="/synchronize">Synchronize it</a> to see its receipts here.`,
  })}${all}`;
}

function linkRow(server: ServerId, link: ChainLink): Cell[] {
  const { order, receipt, sequence, signature } = link;
  if (order === undefined) return [sequence, '', '', '', badge('bad', 'order missing'), '', '', '', '', ''];
  return [
    sequence,
    receipt === undefined ? '' : moment(receipt.finishedAt),
    html`<a href="/syncs/${order.sync}">${order.sync}</a>`,
    stepOf(order),
    outcomeOf(link),
    beforeItOf(link),
    changesOf(link),
    signature === 'bad' ? badge('bad', 'bad signature') : (link.keyId?.slice(0, 8) ?? ''),
    approvalOf(link),
    signature === 'none' ? '' : html`<a href="/servers/${server}/receipts/${order.order}" download>Download</a>`,
  ];
}

function outcomeOf({ receipt, signature }: ChainLink): Html | string {
  if (receipt === undefined) return signature === 'bad' ? '' : badge('warning', 'no answer');
  const word = badge(answersWell(receipt) ? 'good' : 'bad', receipt.outcome.replaceAll('_', ' ').toLowerCase());
  if (!('detail' in receipt)) return word;
  return html`${word} ${receipt.reason ?? ''} <small>${printable(receipt.detail)}</small>`;
}

function beforeItOf(link: ChainLink): Html | string {
  const { isWarning, words } = describeBeforeIt(link);
  return isWarning ? badge('warning', words) : words;
}

function changesOf(link: ChainLink): string {
  const changed = changedBy(link);
  if (changed === undefined) return '';
  const files = count(changed.files, 'file');
  return changed.bytes === undefined ? files : `${files}, ${bytes(changed.bytes)}`;
}

function approvalOf({ approval }: ChainLink): Html | string {
  if (approval === undefined) return '';
  const by = approval.approvedBy?.map(printable).join(', ') ?? 'no approval found';
  return html`${by} <small>plan ${shortCode(approval.plan)}</small>`;
}
