import { html } from 'hono/html';
import { syncLink } from '#core/console-url.ts';
import type { Mail } from '#core/ports/notifier.ts';
import { printable } from '#core/printable.ts';
import { type DestinationVerdict, endedWell, type SyncVerdict } from '#core/verdict.ts';
import { describeTransfer, haveFetched } from '../describe-transfer.ts';
import { type MailHtml, mailFacts, mailLink, mailPage, mailTable } from '../mail-page.ts';

/** Longer lists are for `lockstep status`; those that ended badly come first. */
const MOST_DESTINATIONS = 100;
const LONGEST_DETAIL = 300;

export interface VerdictMail {
  readonly verdict: SyncVerdict;
  readonly to: readonly string[];
  /** Where the console is, if that is known. */
  readonly consoleUrl?: string | undefined;
}

/** How a sync ended, for those who were asked about it. */
export async function verdictMail({ consoleUrl, to, verdict }: VerdictMail): Promise<Mail> {
  const { destinations } = verdict;
  const badFirst = destinations.toSorted((a, b) => Number(endedWell(a)) - Number(endedWell(b)));
  const shown = badFirst.slice(0, MOST_DESTINATIONS);
  const more = destinations.length - shown.length;
  const link = consoleUrl === undefined ? undefined : syncLink(consoleUrl, verdict.sync);
  const lines = [
    titleOf(verdict),
    ...whyOf(verdict),
    '',
    ...shown.map(describeDestination),
    ...(more > 0 ? [`  and ${more} more`] : []),
    '',
    ...(link === undefined ? [] : [link]),
    `lockstep status ${verdict.sync}`,
    '',
  ];
  return {
    to,
    subject: `Lockstep: sync ${verdict.sync} ${verdict.verdict}`,
    text: lines.join('\n'),
    html: await mailPage(titleOf(verdict), bodyOf({ verdict, shown, more, link })),
  };
}

interface Shown {
  readonly verdict: SyncVerdict;
  readonly shown: readonly DestinationVerdict[];
  readonly more: number;
  readonly link: string | undefined;
}

function bodyOf({ link, more, shown, verdict }: Shown): MailHtml {
  return html`${whyOf(verdict).map((line) => html`<p>${line}</p>`)}
    ${mailFacts([
      ['Result', html`<strong>${verdict.verdict}</strong>`],
      ['Began', verdict.startedAt],
      ['Ended', verdict.finishedAt],
      ...(verdict.plan === null ? [] : [['Plan', html`<code>sha256:${verdict.plan}</code>`] as const]),
    ])}
    ${mailTable({
      caption: 'Destinations',
      columns: ['Destination', 'Result', 'Created', 'Overwritten', 'Removed', 'Transfer', 'Why'],
      rows: shown.map((one) => [
        ...[one.server, one.verdict, one.changes.create, one.changes.update, one.changes.remove],
        transferOf(one).join(''),
        [...reasonOf(one), ...detailOf(one)].join(': '),
      ]),
    })}
    ${more > 0 ? html`<p>and ${more} more</p>` : ''}
    ${link === undefined ? '' : mailLink(link, 'See how it went, in the browser')}
    <pre>lockstep status ${verdict.sync}</pre>`;
}

function titleOf(verdict: SyncVerdict): string {
  return verdict.rollbackOf === undefined
    ? `Sync ${verdict.sync} from ${verdict.source.server}: ${verdict.verdict}`
    : `Rollback ${verdict.sync} of sync ${verdict.rollbackOf}: ${verdict.verdict}`;
}

function whyOf({ detail }: SyncVerdict): string[] {
  return detail === undefined ? [] : [printable(detail.slice(0, LONGEST_DETAIL))];
}

function describeDestination(destination: DestinationVerdict): string {
  const transfer = transferOf(destination).map((line) => `  ${line}`);
  const why = reasonOf(destination).map((reason) => ` (${reason})`);
  const more = detailOf(destination).map((detail) => `: ${detail}`);
  return [`  ${destination.server.padEnd(30)} ${destination.verdict}`, ...why, ...transfer, ...more].join('');
}

function transferOf(destination: DestinationVerdict): string[] {
  return haveFetched([destination]).map(describeTransfer);
}

function reasonOf({ reason }: DestinationVerdict): string[] {
  return reason === undefined ? [] : [printable(reason)];
}

function detailOf({ detail }: DestinationVerdict): string[] {
  return detail === undefined ? [] : [printable(detail.slice(0, LONGEST_DETAIL))];
}
