import { shortCode } from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import { answersWell, changedBy, describeBeforeIt, stepOf } from '#functions/verification/describe-link.ts';
import type { ChainLink } from '#functions/verification/read-chain.ts';
import { grid } from './grid.ts';
import { bytes, count, enumerate, type Paint, time } from './text.ts';

/** The receipts of one server, the newest last. */
export function showChain(name: string, links: readonly ChainLink[], paint: Paint): string {
  if (links.length === 0) return `${name} was given no order yet.`;
  const table = grid(
    COLUMNS,
    links.map((link) => chainRow(link, paint)),
    paint,
  ).trimEnd();
  return [table, ...remarks(links).map((remark) => paint('warning', remark))].join('\n');
}

/** What of it a person should look into. */
export function isSound({ order, signature }: ChainLink): boolean {
  return order !== undefined && signature !== 'bad';
}

function chainRow(link: ChainLink, paint: Paint): string[] {
  const { order, receipt, sequence } = link;
  if (order === undefined) return [`${sequence}`, '', '', '', paint('bad', 'ORDER MISSING'), '', '', '', '', ''];
  return [
    `${sequence}`,
    receipt === undefined ? '' : time(receipt.finishedAt),
    order.sync,
    stepOf(order),
    outcomeOf(link, paint),
    stateOf(link),
    beforeItOf(link, paint),
    changesOf(link),
    signerOf(link, paint),
    approvalOf(link),
  ];
}

function outcomeOf({ receipt, signature }: ChainLink, paint: Paint): string {
  if (receipt === undefined) return signature === 'bad' ? '' : paint('warning', 'no answer');
  const reason = 'reason' in receipt && receipt.reason !== undefined ? ` ${receipt.reason}` : '';
  return paint(answersWell(receipt) ? 'good' : 'bad', `${receipt.outcome}${reason}`);
}

function stateOf({ states }: ChainLink): string {
  if (states === undefined) return '';
  const [before, after] = [states.before.state, states.after.state].map((state) => state.slice(0, 8));
  return before === after ? `${after}` : `${before} → ${after}`;
}

function beforeItOf(link: ChainLink, paint: Paint): string {
  const { isWarning, words } = describeBeforeIt(link);
  return isWarning ? paint('warning', words) : words;
}

function changesOf(link: ChainLink): string {
  const changed = changedBy(link);
  if (changed === undefined) return '';
  const files = count(changed.files, 'file');
  return changed.bytes === undefined ? files : `${files}, ${bytes(changed.bytes)}`;
}

function signerOf({ keyId, signature }: ChainLink, paint: Paint): string {
  const key = keyId?.slice(0, 8) ?? '';
  return signature === 'bad' ? paint('bad', `${key} BAD SIGNATURE`.trim()) : key;
}

function approvalOf({ approval }: ChainLink): string {
  if (approval === undefined) return '';
  const by = approval.approvedBy === undefined ? 'no approval found' : `by ${enumerate(approval.approvedBy, 3)}`;
  return printable(`${shortCode(approval.plan)} ${by}`);
}

function remarks(links: readonly ChainLink[]): string[] {
  const unsound = links.filter((link) => !isSound(link)).length;
  if (unsound === 0) return [];
  return [
    `${count(unsound, 'order')} of these ${unsound === 1 ? 'has' : 'have'} no record that is signed as it should be.`,
  ];
}

const COLUMNS = [
  { title: 'order', align: 'right' as const },
  ...['finished', 'sync', 'step', 'outcome', 'state', 'before it', 'changed', 'signed by', 'plan'].map((title) => ({
    title,
  })),
];
