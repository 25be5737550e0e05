import {
  type ChangeCounts,
  type ClassChanges,
  hasChanges,
  type Plan,
  type PlannedDestination,
  shortCode,
} from '#core/plan.ts';
import { printable } from '#core/printable.ts';
import type { SyncMode } from '#core/sync.ts';
import { describeAllowances, describeNotices, mostUrgentFirst } from '#functions/describe-notices.ts';
import { describeAllEstimates, describeAmount, describeEstimate } from '#functions/describe-transfer.ts';
import { grid } from './grid.ts';
import type { Labels } from './labels.ts';
import { bytes, count, enumerate, type Paint, type Tone } from './text.ts';

/** The wizard's page of differences: what would be overwritten where, and what is left alone. */
export function showDifferences(plan: Plan, labels: Labels, paint: Paint): string {
  const { destinations, rollbackOf } = plan;
  const shown = destinations.length > MOST_SHOWN ? mostUrgentFirst(destinations) : destinations;
  return [
    paint('strong', rollbackOf === undefined ? 'Synchronization Differences' : 'What Will Be Put Back'),
    ...(rollbackOf === undefined ? sourceLines(plan.source, labels) : [`Rollback of sync ${rollbackOf}`]),
    '',
    ...shown.slice(0, MOST_SHOWN).flatMap((one) => [...showDestination(plan, one, { labels, paint }), '']),
    ...(destinations.length > MOST_SHOWN
      ? [`and ${count(destinations.length - MOST_SHOWN, 'more destination')}; --json names them all`, '']
      : []),
    ...inAll(plan),
    ...NOTES[plan.policy.mode].map((note) => paint('faint', note)),
    ...describeAllowances(plan.policy).map((line) => paint('faint', `${line}.`)),
    ...(hasChanges(plan) ? [`Plan ${paint('strong', shortCode(plan.digest))}  sha256:${plan.digest}`, ''] : ['']),
  ].join('\n');
}

/** Names the destinations and the plan, for the question. */
export function describePlan(plan: Plan, labels: Labels): string {
  const { rollbackOf, source } = plan;
  const names = plan.destinations.filter(({ outcome }) => outcome === 'changes').map(({ server }) => labels.of(server));
  const whence = rollbackOf === undefined ? `from ${labels.of(source.server)}` : `as before sync ${rollbackOf}`;
  return `${enumerate(names)} ${whence} (plan ${shortCode(plan.digest)})`;
}

function sourceLines(source: Plan['source'], labels: Labels): string[] {
  return [
    `Configuration Source  ${labels.of(source.server)}: ${count(source.artifacts, 'file')}, ${bytes(source.bytes)}${sourceLeavings(source)}`,
    ...leftOutLines(source),
    ...uploadLines(source),
  ];
}

interface Shown {
  readonly labels: Labels;
  readonly paint: Paint;
}

function showDestination(plan: Plan, destination: PlannedDestination, { labels, paint }: Shown): string[] {
  const title = `Configuration Destination  ${paint('strong', labels.of(destination.server))}`;
  switch (destination.outcome) {
    case 'changes':
      return [
        title,
        grid(COLUMNS, classRows(destination), paint).trimEnd(),
        `  to be transferred  ${describeEstimate(destination.estimate)}`,
        ...notableLines(destination, paint),
        ...describeNotices(plan, destination).map((line) => paint('warning', `  ! ${line}`)),
        ...leftAlone(destination),
      ];
    case 'in-sync':
      return [
        `${title}: ${paint('good', 'in sync')}, ${count(destination.counts.keep, 'file')} kept as they are`,
        ...leftAlone(destination),
      ];
    case 'refused':
      return [`${title}: ${paint('bad', `refused, ${destination.reason}`)}`, `  ${labels.inText(destination.detail)}`];
    case 'offline':
    case 'failed':
      return [`${title}: ${paint('bad', destination.outcome)}`, `  ${labels.inText(destination.detail)}`];
  }
}

type Changes = Extract<PlannedDestination, { readonly outcome: 'changes' }>;

function classRows({ classes, counts, bytes: total }: Changes): string[][] {
  const rows = Object.entries(classes).map(([name, changes]) => classRow(printable(name), changes));
  return rows.length === 1 ? rows : [...rows, classRow('all', { ...counts, bytes: total })];
}

function classRow(name: string, changes: ClassChanges & ChangeCounts): string[] {
  return [name, `${changes.create}`, `${changes.update}`, `${changes.remove}`, `${changes.keep}`, bytes(changes.bytes)];
}

function notableLines({ notable, counts }: Changes, paint: Paint): string[] {
  const lines = notable.map(
    ({ change, path, size }) => `  ${paint(TONES[change], change.padEnd(6))}  ${printable(path)}  ${bytes(size)}`,
  );
  const changed = counts.create + counts.update + counts.remove;
  if (changed === 0) return ['  only empty folders change'];
  const more = changed - notable.length;
  return more > 0 ? [...lines, `  and ${count(more, 'more file')}`] : lines;
}

function leftAlone(destination: { readonly protected: number; readonly unrecognised: number }): string[] {
  const lines: string[] = [];
  if (destination.protected > 0) lines.push(`  ${count(destination.protected, 'license or identity file')} left alone`);
  if (destination.unrecognised > 0)
    lines.push(`  ${count(destination.unrecognised, 'unrecognised file')} left alone: no rule of the profile matches`);
  return lines;
}

function leftOutLines({ leftOut, leftOutNotable }: Plan['source']): string[] {
  const lines = leftOutNotable.map(
    ({ kind, path, reason }) =>
      `  left out  ${printable(path)}  ${LEFT_OUT[kind]}${reason === undefined ? '' : `: ${reason}`}`,
  );
  const more = leftOut - leftOutNotable.length;
  return more > 0 ? [...lines, `  and ${more} more`] : lines;
}

function sourceLeavings(source: Plan['source']): string {
  const parts = [
    ...(source.protected > 0 ? [`${count(source.protected, 'license or identity file')} left alone`] : []),
    ...(source.leftOut > 0 ? [`${source.leftOut} left out`] : []),
  ];
  return parts.map((part) => `; ${part}`).join('');
}

function inAll(plan: Plan): string[] {
  const all = describeAllEstimates(plan);
  return all === undefined ? [] : [`To be transferred in all  ${all}`, ''];
}

function uploadLines({ bytesUploaded, secondsUploading }: Plan['source']): string[] {
  return bytesUploaded === 0 ? [] : [`  uploaded  ${describeAmount(bytesUploaded, secondsUploading)}`];
}

const LEFT_OUT: Readonly<Record<Plan['source']['leftOutNotable'][number]['kind'], string>> = {
  unrecognised: 'no rule of the profile matches',
  link: 'a link, which is not followed',
  special: 'no regular file',
  unnameable: 'a name that cannot travel',
};
const COLUMNS = [
  { title: 'class' },
  ...['create', 'update', 'remove', 'keep', 'bytes'].map((title) => ({ title, align: 'right' as const })),
];
const TONES: Readonly<Record<'create' | 'update' | 'remove', Tone>> = {
  create: 'good',
  update: 'warning',
  remove: 'bad',
};
const ONE_WAY =
  "Note: One way: the source's files overwrite the corresponding files at the destination; nothing is merged.";
const NOTES: Readonly<Record<SyncMode, readonly string[]>> = {
  overwrite: [ONE_WAY, 'Files that only the destination has are kept. Licenses are never touched.'],
  mirror: [
    ONE_WAY,
    'Mirror: files of these classes that the source lacks are removed at the destination. Licenses are never touched.',
  ],
  rollback: [
    'Note: Only what that sync wrote or removed becomes what it was; all else stays. Licenses are never touched.',
  ],
};
const MOST_SHOWN = 20;
