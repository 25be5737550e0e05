import { shortCode } from '#core/plan.ts';
import type { Progress, Receipt } from '#core/receipt.ts';
import type { ServerId } from '#core/server.ts';
import { describeSeconds } from '#functions/describe-transfer.ts';
import type { ServerView, SyncView } from '#functions/observe/observe-sync.ts';
import type { Labels } from './labels.ts';
import { bytes, count, type Paint, type Tone, time } from './text.ts';

export interface ProgressStyle {
  readonly labels: Labels;
  readonly paint: Paint;
  /** Lines that there is room for. */
  readonly rows: number;
  /** Bytes per second, where known. */
  readonly speedOf: (server: ServerId) => number | undefined;
}

/** The wizard's progress meter: one bar per server at work. */
export function showProgress(view: SyncView, style: ProgressStyle): string {
  const room = Math.max(1, style.rows - 3);
  const busyFirst = view.servers.toSorted((a, b) => Number(isDone(a)) - Number(isDone(b)));
  const shown = view.servers.length > room ? busyFirst.slice(0, room) : view.servers;
  const width = Math.max(0, ...shown.map(({ server }) => style.labels.of(server).length));
  const lines = hasBars(view)
    ? shown.map((one) => `${style.labels.of(one.server).padEnd(width)}  ${bar(one, style)}`)
    : [];
  const hidden = view.servers.length - shown.length;
  return [
    style.paint('strong', phaseTitle(view)),
    ...lines,
    ...(hidden > 0 && hasBars(view) ? [`and ${hidden} more`] : []),
  ].join('\n');
}

export function phaseTitle(view: SyncView): string {
  if (view.cancelled && view.phase !== 'done') return 'Stopping: what was begun comes to its end';
  switch (view.phase) {
    case 'inventory':
      if (view.begun) return view.request.policy.verify === true ? READING : TAKING_STOCK;
      return 'Waiting for the controller of this store to begin: does lockstep up run?';
    case 'planning':
      return 'Comparing';
    case 'approval':
      return view.plan === undefined
        ? 'Waiting for approval'
        : `Waiting for approval of plan ${shortCode(view.plan.digest)} until ${time(view.plan.expiresAt)}`;
    case 'applying':
      return 'Synchronization Progress';
    case 'done':
      return 'Done';
  }
}

export function hasBars({ begun, phase }: SyncView): boolean {
  return (phase === 'inventory' && begun) || phase === 'applying';
}

/** What a server is at, in words. */
export function serverState({ progress, receipt }: ServerView): string {
  if (receipt !== undefined) return receiptState(receipt);
  return progress === undefined
    ? 'waiting for its agent'
    : [progress.stage, amounts(progress).join(', ')].join(' ').trim();
}

export function isDone({ receipt }: ServerView): boolean {
  return receipt !== undefined;
}

function receiptState(receipt: Receipt): string {
  if (receipt.outcome === 'DONE')
    return `stock taken: ${receipt.summary.artifacts} files, ${bytes(receipt.summary.bytes)}`;
  if (receipt.outcome === 'SUCCEEDED')
    return `SUCCEEDED ${bytes(receipt.bytesFetched)} fetched in ${describeSeconds(receipt.secondsFetching)}`;
  return receipt.reason === undefined ? receipt.outcome : `${receipt.outcome} ${receipt.reason}`;
}

function bar(one: ServerView, { paint, speedOf }: ProgressStyle): string {
  const share = one.receipt === undefined ? shareOf(one.progress) : 1;
  const full = Math.round(share * BAR_WIDTH);
  const drawn = paint(barTone(one), '█'.repeat(full)) + paint('faint', '░'.repeat(BAR_WIDTH - full));
  const speed = one.receipt === undefined ? speedOf(one.server) : undefined;
  return `${drawn} ${String(Math.floor(share * 100)).padStart(3)} %  ${serverState(one)}${speed === undefined ? '' : `  ${bytes(speed)}/s`}`;
}

function barTone({ receipt }: ServerView): Tone {
  if (receipt === undefined) return 'strong';
  return receipt.outcome === 'DONE' || receipt.outcome === 'SUCCEEDED' ? 'good' : 'bad';
}

/** An agent may say anything: more done than there is counts as all of it. */
function shareOf(progress: Progress | undefined): number {
  if (progress === undefined) return 0;
  const [done, total] =
    progress.bytesTotal > 0 ? [progress.bytesDone, progress.bytesTotal] : [progress.filesDone, progress.filesTotal];
  return total === 0 ? 0 : Math.min(1, done / total);
}

function amounts({ bytesDone, bytesTotal, filesDone, filesTotal }: Progress): string[] {
  const files =
    filesTotal > 0 ? [`${filesDone} of ${filesTotal} files`] : filesDone > 0 ? [count(filesDone, 'file')] : [];
  return bytesTotal > 0 ? [`${bytes(bytesDone)} of ${bytes(bytesTotal)}`, ...files] : files;
}

const TAKING_STOCK = 'Taking stock of source and destinations';
const READING = 'Reading every file';
const BAR_WIDTH = 24;
