import type { DriftedFile } from '#core/drift.ts';
import { printable } from '#core/printable.ts';
import { type DestinationVerdict, endedWell, type SyncVerdict, toneOf, type Verification } from '#core/verdict.ts';
import { grid } from './grid.ts';
import type { Labels } from './labels.ts';
import { bytes, count, type Paint, type Tone, time } from './text.ts';

/** What one server came to, with the files that differ. */
export interface VerifiedServer {
  readonly verdict: DestinationVerdict;
  readonly drift: readonly DriftedFile[];
}

export interface VerificationStyle {
  readonly labels: Labels;
  readonly paint: Paint;
}

/** One paragraph a server, and a last sentence where there are several. */
export function showVerification(
  verdict: SyncVerdict,
  servers: readonly VerifiedServer[],
  style: VerificationStyle,
): string {
  const { labels, paint } = style;
  const well = verdict.destinations.filter(endedWell).length;
  const why = servers.length === 0 && verdict.detail !== undefined ? [labels.inText(verdict.detail)] : [];
  const all = `${well} of ${count(servers.length, 'server')} as the last receipt says`;
  return [
    ...servers.flatMap((server) => showServer(server, style)),
    ...why,
    ...(servers.length === 1 ? [] : [paint(toneOf(verdict.verdict), `${verdict.verdict}: ${all}`)]),
  ].join('\n');
}

function showServer({ drift, verdict }: VerifiedServer, { labels, paint }: VerificationStyle): string[] {
  const name = labels.of(verdict.server);
  const { verification } = verdict;
  const title = paint(toneOf(verdict.verdict), `${name}: ${describe(verdict, labels)}`);
  if (verification === undefined || verdict.verdict === 'VERIFIED') return [title];
  if (verification.drift === undefined) return [title, ...detailOf(verdict, labels)];
  return [title, grid(COLUMNS, classRows(drift), paint).trimEnd(), ...fileLines(drift, paint)];
}

function describe(verdict: DestinationVerdict, labels: Labels): string {
  const { detail, reason, verification } = verdict;
  if (verification === undefined) {
    const why = detail === undefined ? '' : `: ${labels.inText(detail)}`;
    return `${verdict.verdict}${reason === undefined ? '' : ` ${printable(reason)}`}${why}`;
  }
  const read = `${count(verification.files, 'file')}, ${bytes(verification.bytes)}`;
  if (verdict.verdict === 'VERIFIED') return `verified: ${read}, ${describeReceipt(verification)}`;
  return `DRIFTED: ${read} read, and not ${describeReceipt(verification)}`;
}

/** A sync leaves what it has written; a source, and what is in sync already, it finds. */
function describeReceipt({ finishedAt, receipt, sync }: Verification): string {
  const how = receipt.includes(`/${sync}-apply-`) ? 'left' : 'found';
  return `as sync ${sync} ${how} it on ${time(finishedAt)}`;
}

function detailOf({ detail }: DestinationVerdict, labels: Labels): string[] {
  return detail === undefined ? [] : [`  ${labels.inText(detail)}`];
}

function classRows(drift: readonly DriftedFile[]): string[][] {
  const byClass = Object.groupBy(drift, (file) => file.class);
  return Object.entries(byClass)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, files = []]) => [
      printable(name),
      ...CHANGES.map((change) => String(files.filter((file) => file.change === change).length)),
    ]);
}

function fileLines(drift: readonly DriftedFile[], paint: Paint): string[] {
  const lines = drift
    .slice(0, MOST_SHOWN)
    .map(({ change, isProtected, path, size }) =>
      [
        `  ${paint(TONES[change], change.padEnd(7))}`,
        printable(path),
        bytes(size),
        ...(isProtected ? ['protected'] : []),
      ].join('  '),
    );
  const more = drift.length - lines.length;
  return more > 0 ? [...lines, `  and ${count(more, 'more file')}; --json names them all`] : lines;
}

const CHANGES = ['changed', 'missing', 'added'] as const;
const TONES: Readonly<Record<DriftedFile['change'], Tone>> = { changed: 'warning', missing: 'bad', added: 'good' };
const COLUMNS = [{ title: 'class' }, ...CHANGES.map((title) => ({ title, align: 'right' as const }))];
const MOST_SHOWN = 20;
